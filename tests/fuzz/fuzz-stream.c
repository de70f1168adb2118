/* A plain xl stream, packed as in stream-model.h -> all that verify does. */
#include "fuzz.h"
#include "stream-model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	static struct model stream;

	model_unpack(&stream, data, count);
	if (!model_is_vast(&stream))
		examine_bytes(stream.bytes, stream.count);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t count, size_t most, unsigned int seed)
{
	return model_mutate(data, count, most, seed);
}

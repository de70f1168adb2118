/* See admission.h. */
#include "daemon/admission.h"

#include <stddef.h>

/* One stranger may hold so many places once they get scarce; then so many of 100 new connections are refused, at least. */
enum { FEW = 4, LEAST_REFUSED = 30 };

bool known_has(const struct known *known, const struct address *address)
{
	for (unsigned int i = 0; i < ADMISSION_KNOWN && i < known->count; i++)
		if (address_same_host(&known->at[i], address))
			return true;
	return false;
}

void known_add(struct known *known, const struct address *address)
{
	if (!known_has(known, address))
		known->at[known->count++ % ADMISSION_KNOWN] = *address;
}

/* places: all that strangers may hold. */
static const char *refuse_stranger(unsigned int places, const struct crowd *crowd, unsigned int chance)
{
	unsigned int half = (places + 1) / 2, over;

	if (crowd->strangers >= places)
		return "max-unauthenticated";
	if (crowd->strangers < half)
		return NULL;
	if (crowd->strangers_of_network >= FEW)
		return "max-unauthenticated: half of it is in use, and this address has its share";
	over = crowd->strangers - half;
	return chance < LEAST_REFUSED + (100 - LEAST_REFUSED) * over / (places - half)
		     ? "max-unauthenticated: half of it is in use, and some are refused at random"
		     : NULL;
}

const char *admission_refuse(const struct settings *settings, const struct crowd *crowd, bool is_known,
			     unsigned int chance)
{
	unsigned int most = settings->max_unauthenticated;

	if (crowd->incoming >= settings->max_connections)
		return "max-connections";
	if (crowd->unauthenticated >= most)
		return "max-unauthenticated";
	if (crowd->from_address >= settings->max_per_address)
		return "max-per-address";
	return is_known ? NULL : refuse_stranger(most - most / 4, crowd, chance);
}

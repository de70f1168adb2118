/* One call beside the caller, which is a pipeline of one task. See pipeline.h. */
#include "stream/pipeline.h"

int pipeline_beside(struct pipeline **pipeline, const char *name,
		    int (*work)(void *task, unsigned int worker, void *context), void *context)
{
	struct pipeline_plan plan = { .name = name,
				      .threads = 1,
				      .tasks = 2,
				      .task_bytes = 1,
				      .work = work,
				      .context = context,
				      .unordered = true };
	int rc = pipeline_start(pipeline, &plan);

	if (!rc)
		pipeline_submit(*pipeline, pipeline_claim(*pipeline));
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full screen, from start to end.
 */
#include "console/screen.h"
#include "console/batch.h"

int
screen_run(struct options *o, const char *view)
{
	struct clv_err err = {0};
	(void)o;
	(void)view;
	err_set(&err, CLV_E_INTERNAL, "the full screen is not built in yet");
	return batch_fail(&err);
}

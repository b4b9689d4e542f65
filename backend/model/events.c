/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of events as rows. Pure.
 */
#include "model/events.h"

#define X(id, source, level, category) {id, source, level, category},
static const struct event_row rows[] = {EVENT_LIST(X)};
#undef X
#define X(id, severity, name) {id, severity, name},
static const struct event_alert alerts[] = {EVENT_ALERT_LIST(X)};
static const struct event_alert server_alerts[] = {EVENT_SERVER_ALERT_LIST(X)};
#undef X

const struct event_row *event_row(uint32_t id)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

const struct event_alert *event_alert(uint32_t id)
{
	for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
		if (alerts[i].id == id)
			return &alerts[i];
	return NULL;
}

const struct event_alert *event_alert_server(uint32_t id)
{
	for (size_t i = 0; i < sizeof server_alerts / sizeof server_alerts[0]; i++)
		if (server_alerts[i].id == id)
			return &server_alerts[i];
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events this release raises: the reference system's numbers and meaning (reference of the
 * facts: sources HealthService and OpsMgr Connector), our own words except 7006.
 */
#ifndef MODEL_EVENTS_H
#define MODEL_EVENTS_H

#include "claviger/facts.h"

/* X(number, source, level, category) */
#define EVENT_LIST(X)                                                      \
	X(1210, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(2003, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(2004, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7000, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7001, "HealthService", CLV_LEVEL_WARNING, "Health Service")      \
	X(7004, "HealthService", CLV_LEVEL_WARNING, "Health Service")      \
	X(7005, "HealthService", CLV_LEVEL_WARNING, "Health Service")      \
	X(7006, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(7009, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7010, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7011, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7013, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(7014, "HealthService", CLV_LEVEL_WARNING, "Health Service")      \
	X(7019, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(7020, "HealthService", CLV_LEVEL_WARNING, "Health Service")      \
	X(7021, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7022, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(7023, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(7024, "HealthService", CLV_LEVEL_INFORMATION, "Health Service")  \
	X(1107, "HealthService", CLV_LEVEL_WARNING, "Health Service")      \
	X(1108, "HealthService", CLV_LEVEL_ERROR, "Health Service")        \
	X(20000, "OpsMgr Connector", CLV_LEVEL_INFORMATION, "Connection")  \
	X(20001, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20002, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20020, "OpsMgr Connector", CLV_LEVEL_INFORMATION, "Connection")  \
	X(20022, "OpsMgr Connector", CLV_LEVEL_WARNING, "Connection")      \
	X(20024, "OpsMgr Connector", CLV_LEVEL_WARNING, "Certificate")     \
	X(20027, "OpsMgr Connector", CLV_LEVEL_WARNING, "Connection")      \
	X(20028, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20029, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20030, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20053, "OpsMgr Connector", CLV_LEVEL_INFORMATION, "Certificate") \
	X(20057, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20070, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20071, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(20072, "OpsMgr Connector", CLV_LEVEL_ERROR, "Certificate")       \
	X(21001, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(21005, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(21006, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(21007, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(21011, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(21016, "OpsMgr Connector", CLV_LEVEL_ERROR, "Connection")        \
	X(21036, "OpsMgr Connector", CLV_LEVEL_ERROR, "Certificate")

/* Which of them an agent raises as an alert too, and how severe: what its host's owner has to act upon. */
#define EVENT_ALERT_LIST(X)                                                              \
	X(7000, CLV_SEVERITY_CRITICAL, "A RunAs account cannot log on")                  \
	X(7001, CLV_SEVERITY_WARNING, "A RunAs account's password ends soon")            \
	X(7009, CLV_SEVERITY_CRITICAL, "The action account cannot be used")              \
	X(7010, CLV_SEVERITY_CRITICAL, "The action account cannot be used")              \
	X(7014, CLV_SEVERITY_WARNING, "A RunAs account ends soon")                       \
	X(1108, CLV_SEVERITY_WARNING, "A profile uses an account that is not held here") \
	X(21036, CLV_SEVERITY_CRITICAL, "No channel certificate can be used")

/* And which a management server raises: what somebody has to look at who does not read its log. */
#define EVENT_SERVER_ALERT_LIST(X)                                                       \
	X(2004, CLV_SEVERITY_CRITICAL, "A row that decides was altered in the database") \
	X(7022, CLV_SEVERITY_CRITICAL, "A node's key was used on another machine")       \
	X(20022, CLV_SEVERITY_WARNING, "A node is not heartbeating")                     \
	X(20027, CLV_SEVERITY_WARNING, "The database is an older copy")                  \
	X(20028, CLV_SEVERITY_CRITICAL, "Alerts are held back or altered on their way")  \
	X(20029, CLV_SEVERITY_WARNING, "A node sent two contents under one number")      \
	X(20030, CLV_SEVERITY_CRITICAL, "A node lost what it had not sent")              \
	X(21036, CLV_SEVERITY_CRITICAL, "No channel certificate can be used")

struct event_row {
	uint32_t id;
	const char *source;
	enum clv_level level;
	const char *category;
};
struct event_alert {
	uint32_t id;
	enum clv_severity severity;
	const char *name;
};
/* NULL for a number without a row. */
const struct event_row *event_row(uint32_t id);
/* NULL: it raises none. */
const struct event_alert *event_alert(uint32_t id); /* at an agent */
const struct event_alert *event_alert_server(uint32_t id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [person NAME] and require_approval of the configuration: who is one human, and what two of them have to say
 * (design 3, "Roles and audit"). The parent reads it, core decides by it.
 */
#include "daemon/parent.h"
#include "base/conf.h"
#include <string.h>

#define PERSONS "person *"

/* Who is root in somebody's name is not that one for it: on a machine many may become it. */
static bool is_root(const char *principal)
{
	return strcmp(principal, "user:root") == 0 || strcmp(principal, "uid:0") == 0;
}

static clv_rc check_principals(const struct parent *p, const struct conf *s, const Clv__PersonConf *h,
                               struct clv_err *err)
{
	static const char *const kinds[] = {"user:", "uid:", "mail:", "cert:", "krb:"};

	for (size_t i = 0; i < h->n_principals; i++) {
		bool known = false;

		if (is_root(h->principals[i]))
			return err_set(err, CLV_E_CONFIG,
			               "%s:%d: '%s' is no one human: whoever becomes root is it; name their "
			               "own users",
			               conf_name(p->conf), conf_line(s, PERSONS, "principals"),
			               h->principals[i]);
		for (size_t j = 0; j < sizeof kinds / sizeof kinds[0]; j++)
			known |= strncmp(h->principals[i], kinds[j], strlen(kinds[j])) == 0 &&
			         h->principals[i][strlen(kinds[j])];
		if (!known)
			return err_set(
			    err, CLV_E_CONFIG,
			    "%s:%d: '%.64s' belongs to no one human; expected user:NAME, uid:NUMBER, "
			    "mail:ADDRESS, cert:SHA256 or krb:PRINCIPAL",
			    conf_name(p->conf), conf_line(s, PERSONS, "principals"), h->principals[i]);
	}
	return CLV_OK;
}

clv_rc parent_persons_fill(const struct parent *p, Clv__Start *m, struct clv_err *err)
{
	size_t n = conf_count(p->conf, PERSONS);
	bool none;

	m->n_require_approval =
	    conf_list(p->conf, "trust", "require_approval", (const char *const **)&m->require_approval);
	none = m->n_require_approval == 1 && strcmp(m->require_approval[0], "none") == 0;
	for (size_t i = 0; !none && i < m->n_require_approval; i++)
		if (strcmp(m->require_approval[i], "gateway") != 0 &&
		    strcmp(m->require_approval[i], "management-server") != 0)
			return err_set(
			    err, CLV_E_CONFIG,
			    "%s:%d: require_approval '%.64s': expected gateway, management-server or none",
			    conf_name(p->conf), conf_line(p->conf, "trust", "require_approval"),
			    m->require_approval[i]);
	m->persons = clv_calloc(n + 1, sizeof(Clv__PersonConf *));
	for (size_t i = 0; i < n; i++) {
		const char *title = "";
		const struct conf *s = conf_nth(p->conf, PERSONS, i, &title);

		m->persons[i] = clv_calloc(1, sizeof(Clv__PersonConf));
		clv__person_conf__init(m->persons[i]);
		m->n_persons = i + 1;
		m->persons[i]->name = (char *)(uintptr_t)title;
		m->persons[i]->n_principals =
		    conf_list(s, PERSONS, "principals", (const char *const **)&m->persons[i]->principals);
		if (check_principals(p, s, m->persons[i], err))
			return CLV_FAILED;
	}
	return CLV_OK;
}

clv_rc parent_persons_check(const struct parent *p, struct clv_err *err)
{
	Clv__Start m = CLV__START__INIT;
	clv_rc rc = parent_persons_fill(p, &m, err);

	parent_persons_release(&m);
	return rc;
}

void parent_persons_release(Clv__Start *m)
{
	for (size_t i = 0; i < m->n_persons; i++)
		clv_free(m->persons[i]);
	clv_free(m->persons);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts as batch commands: approve, reject, remove, rotate, move, roles. On a terminal they ask first;
 * from a script they act.
 */
#include "console/batch.h"

#include "claviger/text.h"

#include <stdio.h>
#include <string.h>

void batch_say(FILE *to, const char *foreign)
{
	struct clv_text *t = text_new_str(foreign);
	fprintf(to, "%s\n", text_str(t));
	text_free(t);
}

int batch_send_act(struct batch *b, const struct clv_act *act)
{
	struct clv_err err = {0};
	struct clv_reply *r = batch_wait(b, clv_session_act(b->s, act, &err), &err);
	if (r == NULL) {
		int code = batch_fail(&err);
		return err.code == CLV_E_SIGNATURE ? EXIT_VERIFY : code;
	}
	batch_say(stderr, r->text != NULL && r->text[0] != '\0' ? r->text : "Done.");
	clv_reply_free(r);
	return EXIT_DONE;
}

/* The question an act asks on a terminal; word: what has to be typed, NULL: y. */
static bool make_act(struct batch *b, int argc, char **argv, struct clv_act *act, char **question,
                     const char **word)
{
	const struct options *o = b->o;
	const char *group = b->who->group;
	(void)argc;
	*word = NULL;
	if (strcmp(argv[0], "approve") == 0) {
		*act = (struct clv_act){.kind = CLV_ACT_APPROVE,
		                        .name = argv[1],
		                        .fingerprint = o->fingerprint,
		                        .replace = o->replace};
		*question = clv_asprintf(
		    "Accept %s in %s?%s", argv[1], group,
		    o->replace ? " The node known by that name is forgotten. Cannot be undone." : "");
		*word = o->replace ? argv[1] : NULL;
	} else if (strcmp(argv[0], "reject") == 0) {
		*act = (struct clv_act){.kind = CLV_ACT_REJECT, .name = argv[1], .reason = o->reason};
		*question = clv_asprintf("Decline %s in %s?", argv[1], group);
	} else if (strcmp(argv[0], "remove") == 0) {
		*act = (struct clv_act){.kind = CLV_ACT_REMOVE, .name = argv[2]};
		*question = clv_asprintf("Remove %s from %s: its keys are forgotten, it has to be accepted "
		                         "anew. Cannot be undone.",
		                         argv[2], group);
		*word = argv[2];
	} else {
		bool grant = strcmp(argv[1], "grant") == 0;
		*act = (struct clv_act){.kind = grant ? CLV_ACT_ROLE_GRANT : CLV_ACT_ROLE_REVOKE,
		                        .principal = argv[2],
		                        .role = argv[3]};
		*question = clv_asprintf("%s %s: role %s in %s?", grant ? "Give" : "Take from", argv[2],
		                         argv[3], group);
	}
	return true;
}

static bool pending_fits(const struct clv_pending_fact *p, const char *name)
{
	size_t len = strlen(name);
	return strcmp(p->name, name) == 0 || (strncmp(p->name, name, len) == 0 && p->name[len] == '.');
}

/* A management server is accepted by its code, sealed. NULL: it is none, nobody of that name waits, or more
 * than one, of whom the server says which the digits are of. */
static char *joining_name(struct batch *b, const char *name)
{
	struct clv_err err = {0};
	struct clv_window w = {.limit = CLV_LIST_LIMIT_MAX};
	struct clv_reply *r = batch_wait(b, clv_session_list(b->s, CLV_LIST_PENDING, &w, &err), &err);
	const struct clv_pending_fact *one = NULL;
	char *found = NULL;
	size_t fit = 0;
	for (size_t i = 0; r != NULL && r->kind == CLV_REPLY_LIST && i < r->rows.n; i++) {
		if (!pending_fits(&r->rows.u.pending[i], name))
			continue;
		one = &r->rows.u.pending[i];
		fit++;
	}
	if (fit == 1 && strcmp(one->role, "management-server") == 0)
		found = clv_strdup(one->name);
	clv_reply_free(r);
	return found;
}

static int send_join(struct batch *b, const char *name, const char *typed)
{
	struct clv_err err = {0};
	struct clv_secret *code = secret_new(CLV_PASSWORD_MAX, &err);
	struct clv_reply *in = NULL, *r = NULL;
	int status = EXIT_DONE;
	if (code == NULL || secret_append(code, typed, strlen(typed), &err) != CLV_OK ||
	    (in = batch_wait(b, clv_session_intake(b->s, "", &err), &err)) == NULL || in->intake == NULL ||
	    (r = batch_wait(b, clv_session_join(b->s, in->intake, name, code, &err), &err)) == NULL)
		status = batch_fail(&err);
	else
		batch_say(stderr, r->text != NULL && r->text[0] != '\0' ? r->text : "Done.");
	clv_reply_free(r);
	clv_reply_free(in);
	secret_free(code);
	return status;
}

static int batch_join(struct batch *b, const char *name)
{
	char *question =
	    clv_asprintf("Give %s the keys of %s? It can open every password then.", name, b->who->group);
	int status = EXIT_FAILED;
	if (batch_confirm(b, question, NULL))
		status = send_join(b, name, b->o->fingerprint);
	else
		fprintf(stderr, "Nothing was done.\n");
	clv_free(question);
	return status;
}

int batch_act(struct batch *b, int argc, char **argv)
{
	struct clv_act act = {0};
	char *question = NULL;
	const char *word = NULL;
	int code = EXIT_FAILED;
	enum clv_role role;
	struct clv_err err = {0};
	if (strcmp(argv[0], "role") == 0 && (!clv_role_parse(argv[3], &role) || role == CLV_ROLE_NONE)) {
		err_set(&err, CLV_E_USAGE,
		        "a role is one of: viewer, operator, credential-manager, administrator");
		return batch_fail(&err);
	}
	if (strcmp(argv[0], "approve") == 0) {
		char *name = joining_name(b, argv[1]);
		if (name != NULL) {
			code = batch_join(b, name);
			clv_free(name);
			return code;
		}
	}
	make_act(b, argc, argv, &act, &question, &word);
	if (batch_confirm(b, question, word))
		code = batch_send_act(b, &act);
	else
		fprintf(stderr, "Nothing was done.\n");
	clv_free(question);
	return code;
}

/* --- rotate --- */

struct rotation {
	const char *asked;
	char *name;
	uint64_t was, row_version;
	uint64_t req;
	bool waits;
};

static int begin_rotation(struct batch *b, struct rotation *r)
{
	struct clv_err err = {0};
	struct clv_reply *d = batch_wait(b, clv_session_agent(b->s, r->asked, false, &err), &err);
	if (d == NULL || d->agent == NULL) {
		clv_reply_free(d);
		err_wrap(&err, "%s", r->asked);
		return batch_fail(&err);
	}
	r->name = clv_strdup(d->agent->agent.name);
	r->was = d->agent->agent.has_key ? d->agent->agent.key.generation : 0;
	r->row_version = d->agent->agent.row_version;
	clv_reply_free(d);
	struct clv_act act = {.kind = CLV_ACT_ROTATE, .name = r->name, .reason = b->o->reason};
	struct clv_reply *done = batch_wait(b, clv_session_act(b->s, &act, &err), &err);
	if (done == NULL) {
		err_wrap(&err, "%s", r->asked);
		return batch_fail(&err);
	}
	if (!b->o->wait)
		batch_say(stdout, done->text != NULL && done->text[0] != '\0' ? done->text : r->name);
	r->waits = true;
	clv_reply_free(done);
	return EXIT_DONE;
}

/* 1 confirmed, -1 refused, 0 not yet. */
static int look(const struct rotation *r, const struct clv_agent_detail *d)
{
	for (size_t i = 0; i < d->n_keys; i++) {
		if (d->keys[i].generation <= r->was)
			continue;
		if (d->keys[i].state == CLV_KEY_CONFIRMED)
			return 1;
		if (d->keys[i].state == CLV_KEY_REFUSED)
			return -1;
	}
	return 0;
}

static int wait_rotation(struct batch *b, struct rotation *r)
{
	struct clv_err err = {0};
	uint64_t req = clv_session_agent(b->s, r->name, true, &err);
	for (;;) {
		struct clv_reply *d = batch_wait(b, req, &err);
		if (d == NULL || d->agent == NULL) {
			clv_reply_free(d);
			clv_session_unwatch(b->s, req);
			if (err.code == CLV_E_TIMEOUT)
				err_set(&err, CLV_E_NOTFOUND,
				        "not confirmed in %llu s; the old key stays in use",
				        (unsigned long long)b->o->timeout_s);
			err_wrap(&err, "%s", r->asked);
			return batch_fail(&err);
		}
		int is = look(r, d->agent);
		if (is != 0) {
			struct clv_text *name = text_new_str(r->name);
			printf("%s %s\n", text_str(name), is > 0 ? "confirmed" : "refused");
			fflush(stdout);
			text_free(name);
		}
		clv_reply_free(d);
		if (is != 0) {
			clv_session_unwatch(b->s, req);
			return is > 0 ? EXIT_DONE : EXIT_FAILED;
		}
	}
}

int batch_rotate(struct batch *b, int argc, char **argv)
{
	int n = argc - 1;
	char **names = argv + 1;
	struct rotation *rs = clv_calloc((size_t)n, sizeof(*rs));
	char *question =
	    n == 1 ? clv_asprintf("Rotate the key of %s in %s? The old one serves until confirmed.", names[0],
	                          b->who->group)
	           : clv_asprintf("Rotate the keys of %d agents in %s? The old ones serve until confirmed.",
	                          n, b->who->group);
	char number[16];
	int worst = EXIT_DONE;
	snprintf(number, sizeof(number), "%d", n);
	if (!batch_confirm(b, question, n > 1 ? number : NULL)) {
		fprintf(stderr, "Nothing was done.\n");
		worst = EXIT_FAILED;
		goto out;
	}
	for (int i = 0; i < n; i++) {
		rs[i].asked = names[i];
		int code = begin_rotation(b, &rs[i]);
		worst = code > worst ? code : worst;
	}
	b->deadline_mono_ms = batch_mono_ms() + (int64_t)b->o->timeout_s * 1000;
	for (int i = 0; b->o->wait && i < n; i++) {
		int code = rs[i].waits ? wait_rotation(b, &rs[i]) : EXIT_DONE;
		worst = code > worst ? code : worst;
	}
out:
	for (int i = 0; i < n; i++)
		clv_free(rs[i].name);
	clv_free(rs);
	clv_free(question);
	return worst;
}

/* --- move --- */

clv_rc batch_move_check(const struct options *o, struct clv_err *err)
{
	if (o->to.n != 1)
		return err_set(err, CLV_E_USAGE, "move takes --to with one gateway or management server");
	return CLV_OK;
}

int batch_move(struct batch *b, int argc, char **argv)
{
	int n = argc - 1, worst = EXIT_DONE;
	const char *to = b->o->to.v[0];
	char number[16];
	char *question =
	    n == 1
	        ? clv_asprintf("Move %s in %s to %s? Until it comes that way it may come as before.", argv[1],
	                       b->who->group, to)
	        : clv_asprintf("Move %d nodes in %s to %s? Until they come that way they may come as before.",
	                       n, b->who->group, to);
	snprintf(number, sizeof(number), "%d", n);
	bool yes = batch_confirm(b, question, n > 1 ? number : NULL);
	clv_free(question);
	if (!yes) {
		fprintf(stderr, "Nothing was done.\n");
		return EXIT_FAILED;
	}
	for (int i = 0; i < n; i++) {
		struct clv_act act = {.kind = CLV_ACT_MOVE, .name = argv[i + 1], .target = to};
		int code = batch_send_act(b, &act);
		worst = code > worst ? code : worst;
	}
	return worst;
}

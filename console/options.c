/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of claviger. Options may stand anywhere; what is unknown or senseless gets one
 * line and exit code 2.
 */
#include "console/options.h"

#include "console/manual.h"

#include "claviger/config.h"
#include "claviger/text.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_CONFIG "/etc/claviger/claviger.conf"

enum opt {
	OPT_FILTER = 256,
	OPT_SORT,
	OPT_LIMIT,
	OPT_FINGERPRINT,
	OPT_REPLACE,
	OPT_REASON,
	OPT_WAIT,
	OPT_TIMEOUT,
	OPT_YES,
	OPT_READ_ONLY,
	OPT_RESTRICTED,
	OPT_PLAIN,
	OPT_CONFIG,
	OPT_CA,
	OPT_CERT,
	OPT_KEY,
	OPT_TRUST,
	OPT_HELP,
	OPT_VERSION,
	OPT_TYPE,
	OPT_USER,
	OPT_DOMAIN,
	OPT_KEPT_BY,
	OPT_NOTE,
	OPT_ENDS,
	OPT_CONTEXT,
	OPT_AUTH_PROTOCOL,
	OPT_PRIVACY_PROTOCOL,
	OPT_NAME,
	OPT_LESS_SECURE,
	OPT_MORE_SECURE,
	OPT_PLAN,
	OPT_STOP,
	OPT_ALL,
	OPT_CLASS,
	OPT_GROUP,
	OPT_OBJECT,
	OPT_PATTERN,
	OPT_FIRST,
	OPT_ALL_AT_ONCE,
	OPT_PASSWORD_FD,
	OPT_REPORT,
	OPT_BACK,
	OPT_WATCH,
	OPT_UNTIL,
	OPT_PROBE,
	OPT_FROM,
	OPT_TO, /* these take all words up to the next option */
	OPT_NOT,
	OPT_ADD,
	OPT_REMOVE
};

static const struct option long_options[] = {
    {"server", required_argument, NULL, 's'},
    {"output", required_argument, NULL, 'o'},
    {"filter", required_argument, NULL, OPT_FILTER},
    {"sort", required_argument, NULL, OPT_SORT},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"fingerprint", required_argument, NULL, OPT_FINGERPRINT},
    {"replace", no_argument, NULL, OPT_REPLACE},
    {"reason", required_argument, NULL, OPT_REASON},
    {"wait", no_argument, NULL, OPT_WAIT},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"yes", no_argument, NULL, OPT_YES},
    {"read-only", no_argument, NULL, OPT_READ_ONLY},
    {"restricted", no_argument, NULL, OPT_RESTRICTED},
    {"plain", no_argument, NULL, OPT_PLAIN},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"ca", required_argument, NULL, OPT_CA},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"trust-group", required_argument, NULL, OPT_TRUST},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"type", required_argument, NULL, OPT_TYPE},
    {"user", required_argument, NULL, OPT_USER},
    {"domain", required_argument, NULL, OPT_DOMAIN},
    {"kept-by", required_argument, NULL, OPT_KEPT_BY},
    {"note", required_argument, NULL, OPT_NOTE},
    {"ends", required_argument, NULL, OPT_ENDS},
    {"context", required_argument, NULL, OPT_CONTEXT},
    {"auth-protocol", required_argument, NULL, OPT_AUTH_PROTOCOL},
    {"privacy-protocol", required_argument, NULL, OPT_PRIVACY_PROTOCOL},
    {"name", required_argument, NULL, OPT_NAME},
    {"less-secure", no_argument, NULL, OPT_LESS_SECURE},
    {"more-secure", no_argument, NULL, OPT_MORE_SECURE},
    {"plan", no_argument, NULL, OPT_PLAN},
    {"stop", no_argument, NULL, OPT_STOP},
    {"all", no_argument, NULL, OPT_ALL},
    {"class", required_argument, NULL, OPT_CLASS},
    {"group", required_argument, NULL, OPT_GROUP},
    {"object", required_argument, NULL, OPT_OBJECT},
    {"pattern", required_argument, NULL, OPT_PATTERN},
    {"first", required_argument, NULL, OPT_FIRST},
    {"all-at-once", no_argument, NULL, OPT_ALL_AT_ONCE},
    {"password-fd", required_argument, NULL, OPT_PASSWORD_FD},
    {"report", no_argument, NULL, OPT_REPORT},
    {"back", no_argument, NULL, OPT_BACK},
    {"watch", no_argument, NULL, OPT_WATCH},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"probe", required_argument, NULL, OPT_PROBE},
    {"from", required_argument, NULL, OPT_FROM},
    {"to", no_argument, NULL, OPT_TO},
    {"not", no_argument, NULL, OPT_NOT},
    {"add", no_argument, NULL, OPT_ADD},
    {"remove", no_argument, NULL, OPT_REMOVE},
    {NULL, 0, NULL, 0},
};

#define TEXT(member) offsetof(struct options, member), 0
#define FLAG(member) 0, offsetof(struct options, member)
static const struct {
	int c;
	size_t text, flag; /* where the value goes; 0: not there */
} plain_rows[] = {
    {'s', TEXT(server)},
    {OPT_FILTER, TEXT(filter)},
    {OPT_SORT, TEXT(sort)},
    {OPT_FINGERPRINT, TEXT(fingerprint)},
    {OPT_REASON, TEXT(reason)},
    {OPT_CONFIG, TEXT(config)},
    {OPT_CA, TEXT(ca)},
    {OPT_CERT, TEXT(cert)},
    {OPT_KEY, TEXT(key)},
    {OPT_TRUST, TEXT(trust_group)},
    {OPT_REPLACE, FLAG(replace)},
    {OPT_WAIT, FLAG(wait)},
    {OPT_YES, FLAG(yes)},
    {OPT_READ_ONLY, FLAG(read_only)},
    {OPT_RESTRICTED, FLAG(restricted)},
    {OPT_PLAIN, FLAG(plain)},
    {OPT_HELP, FLAG(help)},
    {'h', FLAG(help)},
    {OPT_VERSION, FLAG(version)},
    {OPT_TYPE, TEXT(type)},
    {OPT_USER, TEXT(user)},
    {OPT_DOMAIN, TEXT(domain)},
    {OPT_KEPT_BY, TEXT(kept_by)},
    {OPT_NOTE, TEXT(note)},
    {OPT_ENDS, TEXT(ends)},
    {OPT_CONTEXT, TEXT(context)},
    {OPT_AUTH_PROTOCOL, TEXT(auth_protocol)},
    {OPT_PRIVACY_PROTOCOL, TEXT(privacy_protocol)},
    {OPT_NAME, TEXT(new_name)},
    {OPT_LESS_SECURE, FLAG(less_secure)},
    {OPT_MORE_SECURE, FLAG(more_secure)},
    {OPT_PLAN, FLAG(plan)},
    {OPT_STOP, FLAG(stop)},
    {OPT_ALL, FLAG(to_all)},
    {OPT_CLASS, TEXT(to_class)},
    {OPT_GROUP, TEXT(to_group)},
    {OPT_OBJECT, TEXT(to_object)},
    {OPT_PATTERN, TEXT(to_pattern)},
    {OPT_FIRST, TEXT(first)},
    {OPT_ALL_AT_ONCE, FLAG(all_at_once)},
    {OPT_PASSWORD_FD, TEXT(password_fd)},
    {OPT_REPORT, FLAG(report)},
    {OPT_BACK, FLAG(back)},
    {OPT_WATCH, FLAG(watch)},
    {OPT_UNTIL, TEXT(until)},
    {OPT_PROBE, TEXT(probe)},
    {OPT_FROM, TEXT(from)},
};

static clv_rc number(const char *name, const char *s, uint64_t *out, struct clv_err *err)
{
	size_t len = strlen(s);
	if (len == 0 || len > 9 || strspn(s, "0123456789") != len || strtoul(s, NULL, 10) == 0)
		return err_set(err, CLV_E_USAGE, "--%s takes a number from 1 on", name);
	*out = strtoul(s, NULL, 10);
	return CLV_OK;
}

static const char *const output_names[] = {
    [OUTPUT_TABLE] = "table",   [OUTPUT_WIDE] = "wide", [OUTPUT_JSON] = "json",
    [OUTPUT_CSV] = "csv",       [OUTPUT_TEXT] = "text", [OUTPUT_PEM] = "pem",
    [OUTPUT_NAGIOS] = "nagios", [OUTPUT_HTML] = "html", NULL};

const char *const *options_outputs(void)
{
	return output_names;
}

const char *options_long_name(size_t i)
{
	return i < sizeof(long_options) / sizeof(long_options[0]) ? long_options[i].name : NULL;
}

static clv_rc output(const char *s, enum output *out, struct clv_err *err)
{
	for (size_t i = 0; output_names[i] != NULL; i++) {
		if (strcmp(s, output_names[i]) == 0) {
			*out = (enum output)i;
			return CLV_OK;
		}
	}
	return err_set(err, CLV_E_USAGE, "-o is one of: table, wide, json, csv, text, pem, html");
}

static bool plain_option(int c, struct options *o)
{
	for (size_t i = 0; i < sizeof(plain_rows) / sizeof(plain_rows[0]); i++) {
		if (plain_rows[i].c != c)
			continue;
		if (plain_rows[i].text != 0)
			*(const char **)(void *)((char *)o + plain_rows[i].text) = optarg;
		else
			*(bool *)((char *)o + plain_rows[i].flag) = true;
		return true;
	}
	return false;
}

/* --to A B --not C: the words go to the option before them. */
static struct words *list_option(int c, struct options *o)
{
	if (c == OPT_REMOVE)
		o->remove = true;
	return c == OPT_TO       ? &o->to
	       : c == OPT_NOT    ? &o->without
	       : c == OPT_ADD    ? &o->add
	       : c == OPT_REMOVE ? &o->less
	                         : NULL;
}

static void add_word(struct words *w, char *s)
{
	w->v = clv_realloc(w->v, w->n + 2, sizeof(*w->v));
	w->v[w->n++] = s;
	w->v[w->n] = NULL;
}

static clv_rc other_option(int c, struct options *o, char **argv, struct clv_err *err)
{
	if (c == 'o')
		return output(optarg, &o->output, err);
	if (c == OPT_LIMIT)
		return number("limit", optarg, &o->limit, err);
	if (c == OPT_TIMEOUT)
		return number("timeout", optarg, &o->timeout_s, err);
	struct clv_text *t = text_new_str(argv[optind - 1]);
	err_set(err, CLV_E_USAGE, c == ':' ? "%s needs a value" : "no such option: %s (claviger --help)",
	        text_str(t));
	text_free(t);
	return CLV_FAILED;
}

clv_rc options_parse(int argc, char **argv, struct options *o, struct clv_err *err)
{
	struct words *list = NULL;
	int c, at = 0;
	*o = (struct options){.output = OUTPUT_DEFAULT, .timeout_s = 120};
	settings_init(&o->settings);
	opterr = 0;
	/* in order: a word belongs to the list option before it, or is an argument */
	while ((c = getopt_long(argc, argv, "-:s:o:h", long_options, &at)) != -1) {
		if (c == 1) {
			add_word(list != NULL ? list : &o->words, optarg);
			continue;
		}
		list = list_option(c, o);
		if (list == NULL && !plain_option(c, o) && other_option(c, o, argv, err) != CLV_OK) {
			options_release(o);
			return CLV_FAILED;
		}
	}
	for (; optind < argc; optind++)
		add_word(&o->words, argv[optind]);
	/* for an association --remove is a switch */
	if (o->words.n > 0 && strcmp(o->words.v[0], "profile") == 0) {
		for (size_t i = 0; i < o->less.n; i++)
			add_word(&o->words, o->less.v[i]);
		o->less.n = 0;
	}
	o->n_args = (int)o->words.n;
	o->args = o->words.v;
	return CLV_OK;
}

void options_release(struct options *o)
{
	transport_free(o->transport);
	o->transport = NULL;
	clv_free(o->label);
	settings_release(&o->settings);
	clv_free(o->words.v);
	clv_free(o->to.v);
	clv_free(o->without.v);
	clv_free(o->add.v);
	clv_free(o->less.v);
	o->label = NULL;
	o->words = o->to = o->without = o->add = o->less = (struct words){0};
}

/* The option wins over the file. */
static clv_rc read_pem(const char *option, const char *configured, bool is_private, struct clv_buf *b,
                       struct clv_err *err)
{
	const char *path = option != NULL ? option : configured;
	return path != NULL ? clv_client_pem_read(path, is_private, b, err) : CLV_OK;
}

/* known_groups knows a server by what it proves, "name:port", wherever it was reached. */
static char *known_key(const char *server)
{
	size_t name = strcspn(server, "@:");
	const char *port = strrchr(server, ':');
	return clv_asprintf("%.*s:%s", (int)name, server, port != NULL ? port + 1 : "5724");
}

/* Blanks and colons go; 64 digits remain, or it is none. */
static char *fingerprint_digits(const char *s, struct clv_err *err)
{
	char *out = clv_calloc(strlen(s) + 1, 1);
	size_t n = 0;
	for (; *s != '\0'; s++) {
		if (*s != ' ' && *s != ':')
			out[n++] = *s;
	}
	if (n == 64 && strspn(out, "0123456789abcdefABCDEF") == n)
		return out;
	clv_free(out);
	err_set(err, CLV_E_USAGE,
	        "--trust-group takes the whole fingerprint, 64 digits, as clavigerd init printed it");
	return NULL;
}

static clv_rc find_pin(const struct options *o, const char *server, char **pinned, struct clv_err *err)
{
	struct clv_err why = {0};
	char *key = known_key(server);
	*pinned = clv_known_group_get(key, &why);
	clv_free(key);
	if (why.cls != CLV_CLASS_NONE) {
		*err = why;
		return CLV_FAILED;
	}
	if (*pinned != NULL || o->trust_group == NULL)
		return CLV_OK;
	*pinned = fingerprint_digits(o->trust_group, err);
	return *pinned != NULL ? CLV_OK : CLV_FAILED;
}

static void use_context(struct clv_client_config *conf, const struct context *ctx)
{
	const struct {
		char **to;
		const char *from;
	} rows[] = {{&conf->ca, ctx->ca}, {&conf->cert, ctx->cert}, {&conf->key, ctx->key}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].from == NULL)
			continue;
		clv_free(*rows[i].to);
		*rows[i].to = clv_strdup(rows[i].from);
	}
	clv_free(conf->label); /* another group's word must not stand over this one */
	conf->label = clv_strdup(ctx->label);
}

/* In restricted mode the system's file, and no environment. */
static clv_rc load_config(const struct options *o, struct clv_client_config *conf, struct clv_err *err)
{
	const char *path = o->config;
	*conf = (struct clv_client_config){0};
	if (path == NULL && o->restricted) {
		if (access(SYSTEM_CONFIG, F_OK) != 0)
			return CLV_OK;
		path = SYSTEM_CONFIG;
	}
	return clv_client_config_load(path, conf, err);
}

/* -s NAME of a context: its server. */
static const char *choose_server(const struct options *o, const struct clv_client_config *conf,
                                 const struct context *ctx)
{
	const char *server = ctx != NULL ? ctx->server : o->server;
	if (server == NULL && !o->restricted)
		server = getenv("CLAVIGER_SERVER");
	if (server == NULL || server[0] == '\0')
		server = conf->server;
	return server != NULL ? server : CLV_DEFAULT_SERVER;
}

char *options_server(const struct options *o, struct clv_err *err)
{
	struct clv_client_config conf;
	char *server = NULL;
	if (load_config(o, &conf, err) == CLV_OK)
		server = clv_strdup(choose_server(o, &conf, settings_context(&o->settings, o->server)));
	clv_client_config_release(&conf);
	return server;
}

/* Through SSH or a command: what brings the bytes. *server becomes the name to be proven, where one is. */
static clv_rc through(struct options *o, const struct clv_client_config *conf, struct ssh_url *url,
                      const char **server, struct clv_err *err)
{
	const struct transport_how how = {.proxy_command = conf->proxy_command,
	                                  .ssh_config = conf->ssh_config,
	                                  .ssh_command = conf->ssh_command,
	                                  .can_ask = isatty(STDIN_FILENO) != 0};
	if (ssh_url_is(*server)) {
		if (ssh_url_parse(*server, url, err) != CLV_OK)
			return CLV_FAILED;
		o->transport = transport_new_ssh(url, &how, err);
		if (url->forward)
			*server = url->server;
	} else if (conf->proxy_command != NULL && strncmp(*server, "unix:", 5) != 0) {
		o->transport = transport_new_command(*server, &how, err);
	} else {
		return CLV_OK;
	}
	return o->transport != NULL ? CLV_OK : CLV_FAILED;
}

/* No TLS inside: a local socket, here or at the far end of SSH. */
static bool is_local(const char *server)
{
	return strncmp(server, "unix:", 5) == 0 || ssh_url_is(server);
}

struct clv_session *options_session(struct options *o, struct clv_err *err)
{
	struct clv_client_config conf = {0};
	struct clv_session *s = NULL;
	struct clv_buf ca, cert, key;
	struct ssh_url url;
	char *pinned = NULL;
	buf_init(&ca, 1u << 20);
	buf_init(&cert, 1u << 20);
	buf_init(&key, 1u << 16);
	if (load_config(o, &conf, err) != CLV_OK)
		goto out;
	/* -s NAME of a context: its server, and its files where no option names others */
	const struct context *ctx = settings_context(&o->settings, o->server);
	o->at_context = ctx != NULL ? ctx->name : NULL;
	if (ctx != NULL)
		use_context(&conf, ctx);
	const char *server = choose_server(o, &conf, ctx);
	if (through(o, &conf, &url, &server, err) != CLV_OK)
		goto out;
	if (!is_local(server)) {
		if (read_pem(o->ca, conf.ca, false, &ca, err) != CLV_OK ||
		    read_pem(o->cert, conf.cert, false, &cert, err) != CLV_OK ||
		    read_pem(o->key, conf.key, true, &key, err) != CLV_OK ||
		    find_pin(o, server, &pinned, err) != CLV_OK)
			goto out;
	}
	if (is_local(server) && o->trust_group != NULL) { /* the socket's server, compared too */
		pinned = fingerprint_digits(o->trust_group, err);
		if (pinned == NULL)
			goto out;
	}
	struct clv_target target = {.dialer = o->transport != NULL ? transport_dialer(o->transport) : NULL,
	                            .server = server,
	                            .ca = buf_slice(&ca),
	                            .cert = buf_slice(&cert),
	                            .key = buf_slice(&key),
	                            .ticket = clv_ticket_logon(),
	                            .group_fingerprint = pinned};
	s = clv_session_new(&target, err);
	clv_free(o->label);
	o->label = clv_strdup(conf.label);
out:
	buf_release(&ca);
	buf_release(&cert);
	buf_release(&key);
	clv_free(pinned);
	clv_client_config_release(&conf);
	return s;
}

clv_rc options_remember(const struct options *o, const struct clv_session *s, struct clv_err *err)
{
	const char *shown = clv_session_group_fingerprint(s);
	if (o->trust_group == NULL || shown == NULL || o->restricted || is_local(clv_session_server(s)))
		return CLV_OK;
	char *key = known_key(clv_session_server(s));
	clv_rc rc = clv_known_group_put(key, shown, err);
	clv_free(key);
	return rc;
}

int exit_code_of(const struct clv_err *err)
{
	switch (err->code) {
	case CLV_E_USAGE:
	case CLV_E_CONFIG:
		return EXIT_USAGE;
	case CLV_E_DENIED:
		return EXIT_DENIED;
	case CLV_E_CLOSED:
	case CLV_E_TIMEOUT:
	case CLV_E_AUTH:
	case CLV_E_APPROVAL:
	case CLV_E_VERSION:
	case CLV_E_PROTO:
		return EXIT_UNREACHABLE;
	case CLV_E_SIGNATURE:
		return EXIT_VERIFY;
	default:
		return EXIT_FAILED;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of claviger. Options may stand anywhere; what is unknown or senseless gets one
 * line and exit code 2.
 */
#include "console/options.h"

#include "claviger/config.h"
#include "claviger/text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

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
	OPT_VERSION
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
    {NULL, 0, NULL, 0},
};

static clv_rc number(const char *name, const char *s, uint64_t *out, struct clv_err *err)
{
	size_t len = strlen(s);
	if (len == 0 || len > 9 || strspn(s, "0123456789") != len || strtoul(s, NULL, 10) == 0)
		return err_set(err, CLV_E_USAGE, "--%s takes a number from 1 on", name);
	*out = strtoul(s, NULL, 10);
	return CLV_OK;
}

static clv_rc output(const char *s, enum output *out, struct clv_err *err)
{
	static const char *const names[] = {[OUTPUT_TABLE] = "table",
	                                    [OUTPUT_WIDE] = "wide",
	                                    [OUTPUT_JSON] = "json",
	                                    [OUTPUT_CSV] = "csv",
	                                    [OUTPUT_TEXT] = "text"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(s, names[i]) == 0) {
			*out = (enum output)i;
			return CLV_OK;
		}
	}
	return err_set(err, CLV_E_USAGE, "-o is one of: table, wide, json, csv, text");
}

/* Texts and switches: a row says where the value goes. */
static bool plain_option(int c, struct options *o)
{
	struct {
		int c;
		const char **text;
		bool *flag;
	} rows[] = {
	    {'s', &o->server, NULL},
	    {OPT_FILTER, &o->filter, NULL},
	    {OPT_SORT, &o->sort, NULL},
	    {OPT_FINGERPRINT, &o->fingerprint, NULL},
	    {OPT_REASON, &o->reason, NULL},
	    {OPT_CONFIG, &o->config, NULL},
	    {OPT_CA, &o->ca, NULL},
	    {OPT_CERT, &o->cert, NULL},
	    {OPT_KEY, &o->key, NULL},
	    {OPT_TRUST, &o->trust_group, NULL},
	    {OPT_REPLACE, NULL, &o->replace},
	    {OPT_WAIT, NULL, &o->wait},
	    {OPT_YES, NULL, &o->yes},
	    {OPT_READ_ONLY, NULL, &o->read_only},
	    {OPT_RESTRICTED, NULL, &o->restricted},
	    {OPT_PLAIN, NULL, &o->plain},
	    {OPT_HELP, NULL, &o->help},
	    {'h', NULL, &o->help},
	    {OPT_VERSION, NULL, &o->version},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].c != c)
			continue;
		if (rows[i].text != NULL)
			*rows[i].text = optarg;
		else
			*rows[i].flag = true;
		return true;
	}
	return false;
}

clv_rc options_parse(int argc, char **argv, struct options *o, struct clv_err *err)
{
	int c, at = 0;
	*o = (struct options){.output = OUTPUT_DEFAULT, .timeout_s = 120};
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":s:o:h", long_options, &at)) != -1) {
		if (plain_option(c, o))
			continue;
		clv_rc rc = CLV_OK;
		switch (c) {
		case 'o':
			rc = output(optarg, &o->output, err);
			break;
		case OPT_LIMIT:
			rc = number("limit", optarg, &o->limit, err);
			break;
		case OPT_TIMEOUT:
			rc = number("timeout", optarg, &o->timeout_s, err);
			break;
		default: {
			struct clv_text *t = text_new_str(argv[optind - 1]);
			rc = err_set(err, CLV_E_USAGE,
			             c == ':' ? "%s needs a value" : "no such option: %s (claviger --help)",
			             text_str(t));
			text_free(t);
			break;
		}
		}
		if (rc != CLV_OK)
			return rc;
	}
	o->n_args = argc - optind;
	o->args = argv + optind;
	return CLV_OK;
}

void options_release(struct options *o)
{
	clv_free(o->label);
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

struct clv_session *options_session(struct options *o, struct clv_err *err)
{
	struct clv_client_config conf = {0};
	struct clv_session *s = NULL;
	struct clv_buf ca, cert, key;
	char *pinned = NULL;
	buf_init(&ca, 1u << 20);
	buf_init(&cert, 1u << 20);
	buf_init(&key, 1u << 16);
	if (clv_client_config_load(o->config, &conf, err) != CLV_OK)
		goto out;
	const char *server = o->server != NULL ? o->server : getenv("CLAVIGER_SERVER");
	if (server == NULL || server[0] == '\0')
		server = conf.server != NULL ? conf.server : CLV_DEFAULT_SERVER;
	if (strncmp(server, "unix:", 5) != 0) {
		if (read_pem(o->ca, conf.ca, false, &ca, err) != CLV_OK ||
		    read_pem(o->cert, conf.cert, false, &cert, err) != CLV_OK ||
		    read_pem(o->key, conf.key, true, &key, err) != CLV_OK ||
		    find_pin(o, server, &pinned, err) != CLV_OK)
			goto out;
	}
	struct clv_target target = {.server = server,
	                            .ca = buf_slice(&ca),
	                            .cert = buf_slice(&cert),
	                            .key = buf_slice(&key),
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
	if (o->trust_group == NULL || shown == NULL || o->restricted)
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

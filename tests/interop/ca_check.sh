#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `clavigerd ca` and `clavigerd check`, with openssl's x509, verify and crl as the other program.
# Prints "N passed, N failed".
set -u
# shellcheck source-path=SCRIPTDIR source=../lib/warden.sh
. "$(dirname "$0")/../lib/warden.sh"
clavigerd=${CLAVIGERD:-$BIN/clavigerd}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
passed=0
failed=0

ok() { # ok NAME COMMAND...
	local name=$1
	shift
	if "$@" >out 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s: %s\n' "$name" "$(head -3 out)"
	fi
}

says() { # says NAME EXIT WORDS COMMAND...
	local name=$1 want=$2 words=$3 code
	shift 3
	"$@" >out 2>&1 </dev/null
	code=$?
	if [ "$code" = "$want" ] && grep -qF -- "$words" out; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s: exit %s (expected %s, "%s"): %s\n' "$name" "$code" "$want" "$words" "$(tail -3 out)"
	fi
}

mode() { [ "$(stat -c %a "$1")" = "$2" ]; }
absent() { [ ! -e "$1" ]; }
has() { openssl x509 -in "$1" -noout -text | grep -qF -- "$2"; }

ca=("$clavigerd" ca)
umask 000
ok "init" "${ca[@]}" init lab --name "Lab CA" --days 1000
ok "key mode" mode lab/ca.key 600
ok "authority verifies itself" openssl verify -x509_strict -CAfile lab/ca.pem lab/ca.pem
ok "path length" has lab/ca.pem "CA:TRUE, pathlen:0"
ok "empty list" openssl crl -in lab/ca.crl -CAfile lab/ca.pem -noout
says "list is empty" 0 "No Revoked Certificates" openssl crl -in lab/ca.crl -noout -text
says "init twice" 1 "holds an authority already" "${ca[@]}" init lab

says "issue a node" 0 "CN web01.ops.test" "${ca[@]}" issue lab web01.ops.test
ok "node key mode" mode lab/web01.ops.test.key 600
for purpose in sslclient sslserver; do
	ok "openssl verifies as $purpose" openssl verify -x509_strict -purpose $purpose -crl_check -CRLfile lab/ca.crl \
		-CAfile lab/ca.pem -verify_hostname web01.ops.test lab/web01.ops.test.pem
done
ok "SAN" has lab/web01.ops.test.pem "DNS:web01.ops.test"
ok "usages" has lab/web01.ops.test.pem "TLS Web Client Authentication, TLS Web Server Authentication"
ok "signature" has lab/web01.ops.test.pem "ecdsa-with-SHA256"
ok "curve" has lab/web01.ops.test.pem "prime256v1"
ok "key belongs" cmp <(openssl pkey -in lab/web01.ops.test.key -pubout) <(openssl x509 -in lab/web01.ops.test.pem -noout -pubkey)
print=$(openssl x509 -in lab/web01.ops.test.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')
says "issue twice" 1 "exists already" "${ca[@]}" issue lab web01.ops.test
says "issue an operator" 0 "CN ada" "${ca[@]}" issue lab ada --operator ada@ops.test --days 5 --out ./ada-here
ok "operator mail" has ada-here.pem "email:ada@ops.test"
says "an operator is no server" 2 "unsuitable certificate purpose" openssl verify -purpose sslserver -CAfile lab/ca.pem ada-here.pem

says "upper case" 2 "lower case" "${ca[@]}" issue lab WEB.ops.test
says "wildcard" 2 "no node name" "${ca[@]}" issue lab '*.ops.test'
says "path in a name" 2 "no node name" "${ca[@]}" issue lab ../x.test
says "path in an operator" 2 "file name" "${ca[@]}" issue lab ../x --operator a@b.test
says "bad mail" 1 "mail address" "${ca[@]}" issue lab bob --operator bob
ok "nothing left behind" absent lab/bob.key
says "days" 2 "whole number" "${ca[@]}" issue lab web02.ops.test --days 0
says "days beyond the authority" 2 "beyond the authority" "${ca[@]}" issue lab web02.ops.test --days 2000
says "unknown option" 2 "option" "${ca[@]}" issue lab web02.ops.test --what
says "unknown verb" 2 "usage" "${ca[@]}" destroy lab
says "no verb" 2 "usage" "${ca[@]}"
says "no authority" 1 "clavigerd ca init" "${ca[@]}" issue nowhere web02.ops.test
says "no folder to write" 1 "" "${ca[@]}" issue lab web02.ops.test --out /nonexistent/web02
ok "nothing recorded" test "$(find lab/issued -type f | wc -l)" = 2
chmod 644 lab/ca.key
says "key readable by others" 1 "0600" "${ca[@]}" issue lab web02.ops.test
chmod 600 lab/ca.key

for i in 2 3 4; do "${ca[@]}" issue lab web0$i.ops.test >/dev/null; done
serial=$(openssl x509 -in lab/web03.ops.test.pem -noout -serial | sed 's/.*=//')
says "revoke by name" 0 "web02" "${ca[@]}" revoke lab web02.ops.test
says "revoke by serial" 0 "web03" "${ca[@]}" revoke lab "0x$(echo "$serial" | tr 'A-F' 'a-f' | sed 's/../&:/g; s/:$//')"
says "revoke by file" 0 "web04" "${ca[@]}" revoke lab lab/web04.ops.test.pem
says "revoke again" 1 "before" "${ca[@]}" revoke lab web02.ops.test
says "revoke nobody" 1 "neither a name nor a serial" "${ca[@]}" revoke lab nobody.ops.test
"${ca[@]}" init other >/dev/null
"${ca[@]}" issue other web09.ops.test >/dev/null
says "revoke another's" 2 "not by the authority" "${ca[@]}" revoke lab other/web09.ops.test.pem
ok "the list verifies" openssl crl -in lab/ca.crl -CAfile lab/ca.pem -noout
ok "number of the list" grep -qx "crlNumber=0x04" <(openssl crl -in lab/ca.crl -noout -crlnumber)
ok "three entries" test "$(openssl crl -in lab/ca.crl -noout -text | grep -c 'Serial Number')" = 3
says "openssl refuses a revoked one" 2 "revoked" openssl verify -crl_check -CRLfile lab/ca.crl -CAfile lab/ca.pem lab/web03.ops.test.pem
ok "the first is still good" openssl verify -crl_check -CRLfile lab/ca.crl -CAfile lab/ca.pem lab/web01.ops.test.pem

conf() { # conf NAME CERT KEY EXTRA...
	local name=$1 cert=$2 key=$3
	shift 3
	{
		printf '[node]\nname = %s\ngroup = G\nrole = agent\nstate = %s/state\nmachine_secret = %s/secret\n' "$name" "$dir" "$dir"
		printf '[channel]\nca = lab/ca.pem\ncertificate = %s\nkey = %s\n' "$cert" "$key"
		printf '%s\n' "$@"
	} >c.conf
}
check=("$clavigerd" check -c c.conf)
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'crl = lab/ca.crl' 'server = rms1.ops.test, rms2.ops.test:6000'
says "a good node" 0 "fine: no problem found" "${check[@]}"
says "thumbprint as openssl says" 0 "$print" "${check[@]}"
says "the link and why" 0 "rms2.ops.test:6000 by certificate $print (mechanism = auto" "${check[@]}"
says "the list" 0 "3 revoked" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key
says "no server" 1 "add server = HOST" "${check[@]}"
conf web07.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'server = rms1.ops.test'
says "another name" 1 "does not have this node's name web07.ops.test" "${check[@]}"
conf web02.ops.test lab/web02.ops.test.pem lab/web02.ops.test.key 'crl = lab/ca.crl' 'server = rms1.ops.test'
says "revoked" 1 "has been revoked" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web02.ops.test.key 'server = rms1.ops.test'
says "another's key" 1 "does not belong" "${check[@]}"
conf web01.ops.test lab/missing.pem lab/web01.ops.test.key 'server = rms1.ops.test'
says "no certificate file" 1 "put the file there" "${check[@]}"
conf ada.ops.test ada-here.pem ada-here.key 'server = rms1.ops.test'
says "an operator's certificate" 1 "does not have this node's name" "${check[@]}"
conf web09.ops.test other/web09.ops.test.pem other/web09.ops.test.key 'server = rms1.ops.test'
says "another authority's" 1 "not by our CA" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'server = rms1.ops.test:99999'
says "a bad port" 1 "port from 1 to 65535" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'server = rms1.ops.test@[::1]:6001'
says "a server with its address" 0 "rms1.ops.test:6001 by certificate" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'server = RMS1'
says "a bad server name" 1 "full host name" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'server = rms1.ops.test' 'mechanism = kerberos'
says "kerberos" 1 "there is no Kerberos here; fix: set keytab and realms" "${check[@]}"
cp lab/web01.ops.test.key open.key && chmod 644 open.key
conf web01.ops.test lab/web01.ops.test.pem open.key 'server = rms1.ops.test'
says "an open key" 1 "chmod 600" "${check[@]}"
conf web01.ops.test lab/web01.ops.test.pem lab/web01.ops.test.key 'sevrer = rms1.ops.test'
says "an unknown option" 1 "c.conf:11: unknown option 'sevrer'" "${check[@]}"
says "no file" 1 "nofile" "$clavigerd" check -c nofile
says "usage" 2 "usage" "$clavigerd" check what

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

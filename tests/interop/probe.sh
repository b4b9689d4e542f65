#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The probe against certificates made by openssl's own commands, and safe text on hostile strings.
# Prints "N passed, N failed".
set -u
# shellcheck source-path=SCRIPTDIR source=../lib/warden.sh
. "$(dirname "$0")/../lib/warden.sh"
probe=${PROBE:-$BIN/tests/probe}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

# expect CODE WORDS COMMAND...: exit code, words in its one line, at most one line, no crash.
expect() {
	local want=$1 words=$2 out code lines
	shift 2
	out=$("$@" 2>&1 </dev/null)
	code=$?
	lines=$(printf '%s\n' "$out" | wc -l)
	if [ "$code" = "$want" ] && [ "$lines" = 1 ] && [[ $out == *"$words"* ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s: exit %s (expected %s, words "%s"): %s\n' "$*" "$code" "$want" "$words" "$out"
	fi
}

text() { # text INPUT-FORMAT EXPECTED
	local out
	# shellcheck disable=SC2059 # the row is the format: it holds the octal escapes
	out=$(printf "$1" | "$probe" safe-text)
	if [ "$out" = "$2" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: safe-text %q: %q, expected %q\n' "$1" "$out" "$2"
	fi
}

cd "$dir" || exit 2
new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
root() { # root NAME CN
	new_key "$1"
	openssl req -new -x509 -key "$1.key" -subj "/CN=$2" -days 30 -sha256 -out "$1.pem" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
issue() { # issue NAME CA DAYS DIGEST EXTENSIONS...
	local name=$1 ca=$2 days=$3 digest=$4
	shift 4
	[ -f "$name.key" ] || new_key "$name"
	openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr" 2>/dev/null
	printf '%s\n' subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "$@" >"$name.ext"
	openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial -days "$days" "-$digest" \
		-extfile "$name.ext" -out "$name.pem" 2>/dev/null
}
leaf_ext=("basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth,clientAuth")
ca_ext=("basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign,cRLSign")

root ca "Probe CA"
root other "Other CA"
issue good ca 10 sha256 "${leaf_ext[@]}" subjectAltName=DNS:www.example.com,DNS:localhost
issue upper ca 10 sha256 "${leaf_ext[@]}" subjectAltName=DNS:WWW.Example.COM
issue wild ca 10 sha256 "${leaf_ext[@]}" 'subjectAltName=DNS:*.example.com'
issue nosan ca 10 sha256 "${leaf_ext[@]}"
issue addr ca 10 sha256 "${leaf_ext[@]}" subjectAltName=IP:192.0.2.1
issue weak ca 10 sha1 "${leaf_ext[@]}" subjectAltName=DNS:www.example.com
issue half ca 10 sha256 basicConstraints=critical,CA:FALSE extendedKeyUsage=serverAuth subjectAltName=DNS:www.example.com
issue isca ca 10 sha256 "${ca_ext[@]}" extendedKeyUsage=serverAuth,clientAuth subjectAltName=DNS:www.example.com
issue middle ca 10 sha256 "${ca_ext[@]}"
issue below middle 10 sha256 "${leaf_ext[@]}" subjectAltName=DNS:www.example.com
issue narrow ca 10 sha256 "${ca_ext[@]}" 'nameConstraints=critical,permitted;DNS:example.org'
issue outside narrow 10 sha256 "${leaf_ext[@]}" subjectAltName=DNS:www.example.com
issue foreign other 10 sha256 "${leaf_ext[@]}" subjectAltName=DNS:www.example.com

pc=("$probe" peer-certificate)
www=(--ca ca.pem --name www.example.com)
expect 0 "accepted: www.example.com" "${pc[@]}" "${www[@]}" --role server good.pem
expect 0 "accepted: www.example.com" "${pc[@]}" "${www[@]}" --role client good.pem
expect 0 "accepted: localhost" "${pc[@]}" --ca ca.pem --name localhost --role server good.pem
expect 0 "accepted" "${pc[@]}" --ca ca.pem --name WWW.EXAMPLE.COM --role server good.pem
expect 0 "accepted" "${pc[@]}" "${www[@]}" --role server upper.pem
expect 0 "accepted" "${pc[@]}" "${www[@]}" --role server --untrusted middle.pem below.pem
expect 1 "expected name" "${pc[@]}" --ca ca.pem --name example.com --role server good.pem
expect 1 "wildcard" "${pc[@]}" "${www[@]}" --role server wild.pem
expect 1 "no dNSName" "${pc[@]}" --ca ca.pem --name nosan --role server nosan.pem
expect 1 "no dNSName" "${pc[@]}" "${www[@]}" --role server addr.pem
expect 1 "an address" "${pc[@]}" --ca ca.pem --name 192.0.2.1 --role server addr.pem
expect 1 "an address" "${pc[@]}" --ca ca.pem --name 2001:db8::1 --role server addr.pem
expect 1 "too weak" "${pc[@]}" "${www[@]}" --role server weak.pem
expect 1 "lacks client authentication" "${pc[@]}" "${www[@]}" --role server half.pem
expect 1 "CA:TRUE" "${pc[@]}" "${www[@]}" --role server isca.pem
expect 1 "not by our CA" "${pc[@]}" "${www[@]}" --role server below.pem
expect 1 "name constraints" "${pc[@]}" "${www[@]}" --role server --untrusted narrow.pem outside.pem
expect 1 "not by our CA" "${pc[@]}" "${www[@]}" --role server foreign.pem
expect 1 "not by our CA" "${pc[@]}" "${www[@]}" --role server --untrusted other.pem foreign.pem
expect 1 "expired" "${pc[@]}" "${www[@]}" --role server --time 2099-01-01T00:00:00Z good.pem
expect 1 "not valid before" "${pc[@]}" "${www[@]}" --role server --time 2001-01-01T00:00:00Z good.pem

# Revocation, by openssl ca.
mkdir -p db && : >db/index && echo 01 >db/number
cat >ca.cnf <<CNF
[ca]
default_ca = d
[d]
database = db/index
crlnumber = db/number
default_md = sha256
default_crl_days = 5
crl_extensions = e
[e]
authorityKeyIdentifier = keyid
CNF
crl() { openssl ca -config ca.cnf -keyfile ca.key -cert ca.pem "$@" 2>/dev/null; }
crl -gencrl -out empty.crl
crl -revoke good.pem
crl -gencrl -out full.crl
expect 0 "accepted" "${pc[@]}" "${www[@]}" --role server --crl empty.crl good.pem
expect 1 "revoked" "${pc[@]}" "${www[@]}" --role server --crl full.crl good.pem
expect 1 "no revocation list" "${pc[@]}" "${www[@]}" --role server --crl full.crl --untrusted middle.pem below.pem
expect 1 "too old" "${pc[@]}" "${www[@]}" --role server --crl full.crl --time "$(date -u -d '+7 days' +%FT%TZ)" good.pem

# Inputs that are none.
: >empty
head -c 3000 /dev/urandom >noise
head -c 300 good.pem >cut.pem
cat good.pem below.pem >two.pem
cat good.pem good.key >both.pem
openssl x509 -in good.pem -outform DER -out good.der
{ cat good.der; printf x; } >longer.der
{ echo "-----BEGIN CERTIFICATE-----"; base64 longer.der; echo "-----END CERTIFICATE-----"; } >longer.pem
expect 1 "no certificate" "${pc[@]}" --ca empty --name www.example.com --role server good.pem
expect 1 "cannot open" "${pc[@]}" --ca missing --name www.example.com --role server good.pem
expect 1 "no authority" "${pc[@]}" --ca good.pem --name www.example.com --role server good.pem
expect 1 "refused" "${pc[@]}" --ca noise --name www.example.com --role server good.pem
for input in empty noise cut.pem both.pem good.der longer.pem; do
	expect 1 "refused" "${pc[@]}" "${www[@]}" --role server "$input"
done
expect 1 "expected one" "${pc[@]}" "${www[@]}" --role server two.pem
expect 1 "a folder" "${pc[@]}" "${www[@]}" --role server .
expect 1 "refused" "${pc[@]}" "${www[@]}" --role server --crl empty good.pem
expect 1 "refused" "${pc[@]}" "${www[@]}" --role server --untrusted noise good.pem
expect 0 "accepted" "${pc[@]}" "${www[@]}" --role server --untrusted empty good.pem
for name in '' '*.example.com' 'www.example.com.' 'a b' $'x\ny' .; do
	expect 1 "refused" "${pc[@]}" --ca ca.pem --name "$name" --role server good.pem
done
expect 1 "server or client" "${pc[@]}" "${www[@]}" --role peer good.pem
expect 1 "not a time" "${pc[@]}" "${www[@]}" --role server --time yesterday good.pem
expect 1 "usage" "${pc[@]}" "${www[@]}" --role server
expect 1 "usage" "${pc[@]}" "${www[@]}" good.pem
expect 1 "usage" "$probe"
expect 1 "usage" "$probe" something
expect 1 "usage" "${pc[@]}" "${www[@]}" --role server --role client good.pem

text 'plain text' 'plain text'
text '\033[31mred' '\x1b[31mred'
text 'a\nb\r\tc' 'a\x0ab\x0d\x09c'
text '\177\302\233\377' '\x7f\x9b\xff'
text 'a\342\200\256b' 'a\u{202e}b'
text '\342\200\213' '\u{200b}'
text 'gr\303\274n \346\274\242' $'gr\303\274n \346\274\242'
text 'back\\slash' 'back\slash'
text '' ''

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

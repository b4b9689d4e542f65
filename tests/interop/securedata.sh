#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SecureData against openssl's own commands: what the probe seals, openssl opens and verifies as the manual
# says; what openssl seals in the one form, the probe opens; every weaker form that openssl or a small
# tool can make is refused, and so is every flipped bit, with one text. Prints "N passed, N failed".
set -u
# shellcheck source-path=SCRIPTDIR source=../lib/warden.sh
. "$(dirname "$0")/../lib/warden.sh"
bin=$BIN
probe=${PROBE:-$bin/tests/probe}
tool=$bin/tests/tools/sealed_forms
[ -x "$tool" ] || { echo "securedata.sh: $tool is missing: make test-programs"; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
passed=0
failed=0
text='refused: SecureData refused: it is not a message of this group for this key'

good() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	printf 'FAILED: %s\n' "$*"
}
expect_same() { if cmp -s "$2" "$3"; then good; else bad "$1"; fi; }

rsa() { # rsa NAME BITS [CN]
	openssl req -x509 -newkey "rsa:$2" -nodes -keyout "$1.key" -out "$1.pem" -subj "/CN=${3:-web01.ops.test}" -days 10 -sha256 \
		-addext subjectKeyIdentifier=hash 2>/dev/null
}
signer() { # signer NAME CURVE EXTENSION
	openssl ecparam -name "$2" -genkey -noout -out "$1.key"
	openssl req -x509 -new -key "$1.key" -out "$1.pem" -subj "/CN=OMMG1" -days 10 -sha256 -addext "$3" 2>/dev/null
}
rsa agent 3072
rsa agent4 4096
rsa other 3072
rsa small 2048
rsa rsasign 3072 OMMG1
signer group prime256v1 subjectKeyIdentifier=hash
ski=$(openssl x509 -in group.pem -noout -ext subjectKeyIdentifier | tail -1 | tr -d ' ')
signer forger prime256v1 subjectKeyIdentifier=hash
signer twin prime256v1 "subjectKeyIdentifier=$ski" # another key under the same identifier
signer p384 secp384r1 subjectKeyIdentifier=hash
cat >list.xml <<'XML'
<RunAs group="OMMG1" agent="web01.ops.test" recipient="00" version="42">
<Account id="0123456789abcdef0123456789abcdef" version="1" type="simple" name="web" user="svc">Y29ycmVjdCBob3JzZQ==</Account>
</RunAs>
XML
printf '<RunAs group="\303\274" agent="a"\r\n\tversion="1"/>' >odd.xml
{ printf '<RunAs>'; head -c 300000 /dev/zero | tr '\0' x; printf '</RunAs>\n'; } >large.xml

# 1. Ours to openssl, byte for byte, as the manual says.
for who in agent agent4; do
	for list in list.xml odd.xml large.xml; do
		"$probe" securedata-seal --recipient "$who.pem" --signer group.key "$list" out.der || bad "sealing $list for $who"
		openssl cms -decrypt -inform DER -in out.der -inkey "$who.key" -recip "$who.pem" -binary -out signed.der &&
			openssl cms -verify -inform DER -in signed.der -nointern -noverify -certfile group.pem -binary -out back.xml 2>/dev/null
		expect_same "openssl opens and verifies $list for $who" back.xml "$list"
		"$probe" securedata-open --key "$who.key" --cert "$who.pem" --signer group.pem out.der >back.xml
		expect_same "the probe opens $list for $who" back.xml "$list"
		rm -f back.xml signed.der
	done
done
# What openssl would not verify it does not (a control of the commands above).
"$probe" securedata-seal --recipient agent.pem --signer forger.key list.xml forged.der
openssl cms -decrypt -inform DER -in forged.der -inkey agent.key -recip agent.pem -binary -out signed.der
if openssl cms -verify -inform DER -in signed.der -nointern -noverify -certfile group.pem -binary -out back.xml 2>/dev/null; then
	bad "openssl verified a stranger's signature"
else
	good
fi

# 2. openssl to ours: the one form.
oaep=(-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha256)
sign() { openssl cms -sign -binary -outform DER -in list.xml -out signed.der "$@" 2>/dev/null; }
enc() { openssl cms -encrypt -binary -outform DER -in signed.der -out form.der "$@" 2>/dev/null; }
signed() { sign -nodetach -keyid -nocerts -nosmimecap -md sha256 -signer group.pem -inkey group.key; }
gcm=(-aes-256-gcm -recip agent.pem "${oaep[@]}")
sealed() { enc "${gcm[@]}"; }
open=("$probe" securedata-open --key agent.key --cert agent.pem)
signed && sealed
"${open[@]}" --signer group.pem form.der >back.xml
expect_same "the probe opens what openssl sealed" back.xml list.xml
expect_same "the template takes what openssl sealed" <("$probe" securedata-check form.der | cut -d: -f1) <(echo accepted)
cp form.der good.der

# 3. Weaker forms. openssl itself takes nearly all of them: counted, so that a broken form does not pass for one.
refused=0
taken=0
refuse() { # refuse NAME [FILE [KEY]]
	local file=${2:-form.der} who=${3:-agent} out code
	[ -s "$file" ] || { bad "$1 was not made"; return; }
	out=$("$probe" securedata-open --key "$who.key" --cert "$who.pem" --signer group.pem "$file" 2>&1 </dev/null)
	code=$?
	if [ "$code" = 1 ] && [ "$out" = "$text" ]; then
		good
		refused=$((refused + 1))
	else
		bad "$1: exit $code: $out"
	fi
	openssl cms -decrypt -inform DER -in "$file" -inkey "$who.key" -recip "$who.pem" -binary -out /dev/null >/dev/null 2>&1 && taken=$((taken + 1))
	rm -f form.der
}
weak() { # weak NAME COMMAND...: of the envelope
	local name=$1
	shift
	signed
	rm -f form.der
	"$@"
	refuse "$name"
}
for cipher in aes-256-cbc aes-128-cbc des3 aes-256-cfb aes-256-ctr aes-128-gcm aes-192-gcm; do
	[ "$cipher" = aes-256-ctr ] && continue # openssl's CMS has no parameters for it
	weak "$cipher" enc "-$cipher" -recip agent.pem "${oaep[@]}"
	weak "$cipher, PKCS#1 v1.5" enc "-$cipher" agent.pem
done
weak "PKCS#1 v1.5" enc -aes-256-gcm agent.pem
weak "openssl's defaults" enc agent.pem
weak "OAEP, SHA-1" enc -aes-256-gcm -recip agent.pem -keyopt rsa_padding_mode:oaep
for md in sha1 sha224 sha384 sha512; do
	weak "OAEP $md" enc -aes-256-gcm -recip agent.pem -keyopt rsa_padding_mode:oaep -keyopt "rsa_oaep_md:$md" -keyopt rsa_mgf1_md:sha256
	weak "MGF1 $md" enc -aes-256-gcm -recip agent.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256 -keyopt "rsa_mgf1_md:$md"
done
weak "OAEP with a label" enc "${gcm[@]}" -keyopt rsa_oaep_label:00
weak "two recipients, ours first" enc "${gcm[@]}" -recip other.pem "${oaep[@]}"
weak "two recipients, ours last" enc -aes-256-gcm -recip other.pem "${oaep[@]}" -recip agent.pem "${oaep[@]}"
weak "ours twice" enc "${gcm[@]}" -recip agent.pem "${oaep[@]}"
weak "another recipient" enc -aes-256-gcm -recip other.pem "${oaep[@]}"
weak "a recipient of 4096 bits" enc -aes-256-gcm -recip agent4.pem "${oaep[@]}"
weak "key identifier form" enc "${gcm[@]}" -keyid
weak "BER, indefinite" enc "${gcm[@]}" -stream
weak "a password recipient besides" enc -aes-256-cbc -recip agent.pem "${oaep[@]}" -pwri_password x
weak "a shared key besides" enc "${gcm[@]}" -secretkey 000102030405060708090A0B0C0D0E0F -secretkeyid 01
weak "no recipient but a password" enc -aes-256-cbc -pwri_password x
for extra in '\0' '0' '\r\n' '\060\000'; do
	# shellcheck disable=SC2059 # the row is the format: it holds the octal escapes
	{ cat good.der; printf "$extra"; } >form.der
	refuse "a trailing $extra"
done
{ printf '\0'; cat good.der; } >form.der && refuse "a leading byte"
for n in 1 2 100 600; do
	head -c "$n" good.der >form.der
	refuse "$n bytes of it"
done
base64 good.der >form.der && refuse "base64"
openssl cms -cmsout -inform DER -in good.der -outform PEM -out form.der && refuse "PEM"
openssl cms -cmsout -inform DER -in good.der -outform SMIME -out form.der && refuse "S/MIME"
cp list.xml form.der && refuse "the bare list"
signed && cp signed.der form.der && refuse "signed, not sealed"
openssl cms -data_create -binary -outform DER -in list.xml -out form.der && refuse "id-data"
openssl cms -digest_create -md sha256 -binary -outform DER -in list.xml -out form.der && refuse "digested data"
openssl cms -EncryptedData_encrypt -binary -aes-256-cbc -secretkey "$(printf '%064d' 1)" -outform DER -in list.xml -out form.der && refuse "encrypted data"
head -c 600000 /dev/zero >form.der && refuse "600,000 zeros"

# 4. Weaker forms inside.
inside() { # inside NAME COMMAND...
	local name=$1
	shift
	rm -f signed.der
	"$@" || { bad "$name was not signed"; return; }
	sealed
	refuse "$name"
}
by=(-signer group.pem -inkey group.key)
form=(-nodetach -keyid -nocerts -nosmimecap -md sha256)
inside "no signed attributes" sign "${form[@]}" -noattr "${by[@]}"
inside "embedded certificate" sign -nodetach -keyid -nosmimecap -md sha256 "${by[@]}"
inside "a stranger's certificate embedded" sign -nodetach -keyid -nosmimecap -md sha256 -signer twin.pem -inkey twin.key
inside "a stranger's certificate beside" sign "${form[@]}" -certfile other.pem "${by[@]}"
inside "issuer and serial number" sign -nodetach -nocerts -nosmimecap -md sha256 "${by[@]}"
inside "S/MIME capabilities" sign -nodetach -keyid -nocerts -md sha256 "${by[@]}"
for md in sha1 sha224 sha384 sha512; do
	inside "digest $md" sign -nodetach -keyid -nocerts -nosmimecap -md "$md" "${by[@]}"
done
inside "detached" sign -keyid -nocerts -nosmimecap -md sha256 "${by[@]}"
inside "wrong signer" sign "${form[@]}" -signer forger.pem -inkey forger.key
inside "a twin of the signer's identifier" sign "${form[@]}" -signer twin.pem -inkey twin.key
inside "P-384" sign "${form[@]}" -signer p384.pem -inkey p384.key
inside "RSA" sign "${form[@]}" -signer rsasign.pem -inkey rsasign.key
inside "two signers" sign "${form[@]}" "${by[@]}" -signer forger.pem -inkey forger.key
inside "the same signer twice" sign "${form[@]}" "${by[@]}" "${by[@]}"
inside "BER" sign -stream "${form[@]}" "${by[@]}"
inside "another content type" sign "${form[@]}" -econtent_type pkcs7-digestData "${by[@]}"
inside "a receipt asked for" sign "${form[@]}" -receipt_request_to a@b.c "${by[@]}"
inside "the bare list" cp list.xml signed.der
# Sealed rightly, for another: replayed, and renamed.
signed && sealed
refuse "opened by another key" form.der other
cp good.der form.der
cp other.key renamed.key
cp agent.pem renamed.pem
refuse "another key under our certificate" form.der renamed
refuse "the forger's" forged.der

# 5. By hand.
mkdir forms
"$tool" forms agent.key agent.pem group.pem good.der forms || bad "hand-made forms"
for same in same inner-same; do # the tool's own control: unchanged, it opens
	"${open[@]}" --signer group.pem "forms/$same.der" >back.xml
	expect_same "$same opens" back.xml list.xml
	rm -f "forms/$same.der"
done
for f in forms/*.der; do refuse "$(basename "$f" .der)" "$f"; done
printf '      %d weaker forms refused with one text; openssl cms -decrypt takes %d of them\n' "$refused" "$taken"
[ "$refused" -ge 120 ] || bad "only $refused forms were made"
[ "$taken" -ge 60 ] || bad "openssl took only $taken of the forms"
if "$tool" flips agent.key agent.pem group.pem good.der; then good; else bad "flipped bits"; fi

# 6. Without --signer all is held but the signature's value; what is asked for wrongly.
expect() { # expect CODE WORDS COMMAND...
	local want=$1 words=$2 out code
	shift 2
	out=$("$@" 2>&1 </dev/null)
	code=$?
	if [ "$code" = "$want" ] && [ "$(printf '%s\n' "$out" | wc -l)" = 1 ] && [[ $out == *"$words"* ]]; then
		good
	else
		bad "$*: exit $code (expected $want, words \"$words\"): $out"
	fi
}
"${open[@]}" forged.der >back.xml
expect_same "a stranger's signature without --signer" back.xml list.xml
expect 1 "$text" "${open[@]}" --signer group.pem forged.der
for f in inner-no-attrs inner-attrs-as-content inner-other-content inner-trailing-byte inner-list-unsigned; do
	expect 1 "$text" "${open[@]}" "forms/$f.der"
done
for f in forms/tag04.der forms/cfb-downgrade.der forms/long-length.der list.xml; do
	expect 1 "$text" "$probe" securedata-check "$f"
done
seal=("$probe" securedata-seal)
expect 1 "3072" "${seal[@]}" --recipient small.pem --signer group.key list.xml x.der
expect 1 "not RSA" "${seal[@]}" --recipient group.pem --signer group.key list.xml x.der
expect 1 "P-256" "${seal[@]}" --recipient agent.pem --signer p384.key list.xml x.der
expect 1 "P-256" "${seal[@]}" --recipient agent.pem --signer other.key list.xml x.der
expect 1 "no private key" "${seal[@]}" --recipient agent.pem --signer group.pem list.xml x.der
expect 1 "no certificate" "${seal[@]}" --recipient agent.key --signer group.key list.xml x.der
printf '<RunAs><a></RunAs>' >broken.xml
: >empty.xml
{ printf '<RunAs>'; head -c 500000 /dev/zero | tr '\0' x; printf '</RunAs>\n'; } >huge.xml
expect 1 "not well-formed" "${seal[@]}" --recipient agent.pem --signer group.key broken.xml x.der
expect 1 "not well-formed" "${seal[@]}" --recipient agent.pem --signer group.key empty.xml x.der
expect 1 "refused" "${seal[@]}" --recipient agent.pem --signer group.key huge.xml x.der
expect 1 "cannot open" "${seal[@]}" --recipient agent.pem --signer group.key missing.xml x.der
expect 1 "usage" "${seal[@]}" --recipient agent.pem list.xml x.der
expect 1 "usage" "${open[@]}"
expect 1 "usage" "$probe" securedata-open --key agent.key form.der
expect 1 "usage" "$probe" securedata-check
expect 1 "usage" "$probe" config-read
if [ -e x.der ]; then bad "a refused sealing left a file"; else good; fi

# 7. The configuration around it.
{
	printf '<?xml version="1.0" encoding="UTF-8"?>\n<Message managementGroup="OMMG1" agent="web01.ops.test" version="5" fencing="1">'
	printf '<Profiles><Association profile="Web" account="0123456789abcdef0123456789abcdef" kind="all"/></Profiles>'
	printf '<State><SecureData>%s</SecureData></State></Message>\n' "$(base64 -w0 good.der)"
} >config.xml
expect 0 "accepted: group OMMG1, agent web01.ops.test, version 5, fencing 1, 1 associations, SecureData of" "$probe" config-read config.xml
sed 's/<Message/<!DOCTYPE a><Message/' config.xml >doctype.xml
expect 1 "DOCTYPE" "$probe" config-read doctype.xml
sed 's/ fencing="1"//' config.xml >lacking.xml
expect 1 "Message" "$probe" config-read lacking.xml
expect 1 "refused" "$probe" config-read good.der
# The schemas, by another reader.
schema=$top/share/schema
expect 0 "config.xml validates" xmllint --nonet --noout --schema "$schema/OpsMgrConnector.Config.xsd" config.xml
sed 's/recipient="00"/recipient="'"$(printf '%064d' 0)"'"/' list.xml >whole.xml
expect 0 "whole.xml validates" xmllint --nonet --noout --schema "$schema/runas.xsd" whole.xml
sed -e '/<Account/!d' -e 's/version="1"/version="2" trial="true"/' whole.xml >trial
sed -e '/<Account/!d' -e 's/ab*cdef"/fedcba"/; s/>.*</ keep="true"></' whole.xml >keep
sed -e '/<Account/r trial' -e '/<Account/r keep' whole.xml >trial.xml
sed -e '/<Account/r trial' -e '/<Account/r trial' whole.xml >twice.xml
expect 0 "trial.xml validates" xmllint --nonet --noout --schema "$schema/runas.xsd" trial.xml
for f in list.xml odd.xml twice.xml; do
	if xmllint --nonet --noout --schema "$schema/runas.xsd" "$f" 2>/dev/null; then bad "$f fits the schema"; else good; fi
done
if xmllint --nonet --noout --schema "$schema/OpsMgrConnector.Config.xsd" lacking.xml 2>/dev/null; then bad "lacking.xml fits the schema"; else good; fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

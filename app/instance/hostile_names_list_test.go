package instance

import (
	"strings"

	"flashsale/users"
)

// refusedNames are not valid: each is refused with its field before anything else is checked.
func refusedNames() []string {
	names := []string{
		"", " ", "\u00a0\u3000", strings.Repeat("a", 101), strings.Repeat("ß", 51), strings.Repeat("a", 243) + "@example.com", strings.Repeat("𝐚", 900),
		"x" + strings.Repeat("\u0301", 90), "1\ufe0f\u20e3", "flag \U0001f3f4\U000e0067\U000e0062\U000e007f", "\u2764\ufe0f\ufe0f", "\u0645\u200c",
		"a\r\nSet-Cookie: x=1", "a\nlevel=ERROR msg=forged", "*3\r\n$3\r\nSET", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07",
	}
	for _, c := range "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" { // direction marks
		names = append(names, string(c)+"admin", "ad"+string(c)+"min", "admin"+string(c))
	}
	invisible := []rune("\u200b\u200c\u200d\u2060\u2064\ufeff\u00ad\u034f\u180e\u3164\uffa0\u115f\u1160\u17b4\u2800\ufe00\ufe0f\ufff9\uffff\u0378")
	invisible = append(invisible, 0xE0001, 0xE0041, 0xE0100, 0x1D173, 0x1BCA0)
	for _, c := range append(invisible, []rune("\x00\x01\x08\x0a\x0d\x1b\x7f\u0080\u0085\u009b\u2028\u2029")...) {
		names = append(names, "ad"+string(c)+"min")
	}
	return names
}

// acceptedNames are unusual valid names, each of another shopper.
func acceptedNames() []string {
	names := strings.Fields(`
		<script>alert(1)</script> "><script>alert(1)</script> '><img/src=x/onerror=alert(1)> </title><svg/onload=alert(1)> <b> &lt;b&gt; &#60;b&#62; &amp; <!-- --> ]]>
		" ' \" "/onfocus=alert(1) autofocus="javascript:alert(1) javascript:alert(1) data:text/html,x {{7*7}} ${7*7} #{7*7} <%=7*7%> {{constructor.constructor('x')()}} </textarea> </form><form>
		hx-get="/x" hx-on::load=alert(1) data-testid="buy-now-button" id="status"
		%s%s%s%n %d %!x(missing) %v %% %00 %0d%0aset-cookie:x %2e%2e%2f %c0%ae {} {0} {name}
		'or'1'='1 ';drop table users;-- '; -- $1 $$ e'\\x27' \' \\ robert');-- null nil true false nan undefined none 0 -1 1e309 0x1f nul con
		flushall {sale:1} flashsale:{1:1}:holders *1 $8 get * ? [a-z]* redis.Call('x') return eval
		{{.}} ${jndi:ldap://x/a} $(id) |id &&id %27 &quot; \u003cscript\u003e \x3cscript> !import url(x) <!entity waitfor pg_sleep(9) hgetall evalsha
		../../etc/passwd .. . / // a/b a\b c:\windows ~root .env .git/config ?x=1 # a?check=1 a#b a;b a&username=b a=b a+b index.html /api/flash-sale/reset
		=cmd|'/c;calc'!a1 =1+1 +1+1 -1+1 =hyperlink("http://x","y") "a,b" a,b
		admin аdmin аdmіn ａｄｍｉｎ 𝐚𝐝𝐦𝐢𝐧 αdmin admın adrnin ad.min admin. .admin _admin admin_ аԁмin 管理员 관리자 админ
		paypal pаypаl раураl ρaypal payраl 00000 ооооо οοοοο oooo0 l1l1l 1l1l1 ӏӏӏӏӏ
		jose josé joṡe strasse straβe i̇stanbul ıstanbul istanbul fish ﬁ5h kelvin ångström ` +
		"👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 👍🏽 👍 🇩🇪 🇩 ❤\ufe0f ❤ ❤\ufe0f\u200d🔥 🤷🏽\u200d♀\ufe0f 👁\ufe0f\u200d🗨\ufe0f " +
		"می\u200cخواهم میخواهم क्\u200dष क्ष שלום سلام ไทย 한국 ょ ǆ ﷽ ௵ 𓂀 𝄞 ꙮ x̧̧̧̧̧̧̧̧ z͎a͎l͎g͎o͎ ́ ̧ ´ ")
	for i, name := range names {
		names[i], _ = users.NormalName(name)
	}
	return append(names, "john doe", "jo hn doe", "sign in", "set-cookie: x=1", "level=error msg=forged", `{"level":"error"}`, strings.Repeat("w", 100), strings.Repeat("𝐚", 100))
}

// variantsOf are other ways to write some of the accepted names: the same shoppers.
func variantsOf() map[string]string {
	return map[string]string{
		"JOSE\u0301": "josé", "\tjose\n": "jose", "STRASSE": "strasse", "straße": "strasse", "\u212aELVIN": "kelvin", "\u212bngstro\u0308m": "ångström",
		"\ufb01SH": "fish", "\u0130stanbul": "i̇stanbul", "<SCRIPT>ALERT(1)</SCRIPT>": "<script>alert(1)</script>", "john\u00a0\u2003doe": "john doe", "ADMIN": "admin", "АDMIN": "аdmin",
	}
}

// rawBodies are bodies with bytes that are not valid in a string, so they cannot be among refusedNames.
func rawBodies() []string {
	return []string{
		`{"username":"\ud800"}`, `{"username":"\udfff\ud800"}`, `{"username":"a\udc00b"}`, "{\"username\":\"\xff\xfe\"}", "{\"username\":\"\xc0\xae\"}", "{\"username\":\"\xed\xa0\x80\"}",
		`{"username":"ad\u0000min"}`, `{"username":"a","username":"b"}`, `{"username":["admin"]}`, `{"username":{"$ne":null}}`,
	}
}

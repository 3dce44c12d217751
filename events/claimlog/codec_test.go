package claimlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// fullClaim has every field.
func fullClaim() events.Claim {
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: uuid.MustParse("0190163d-8694-8000-8abc-def000000001"), SaleID: 7, Generation: 3,
		Ledger: uuid.MustParse("bbbbbbbb-cccc-4ddd-8eee-ffffffffffff"), UserID: 9007199254740993, Username: "anna.müller@example.org", Attempt: 2,
		IdempotencyKey: uuid.MustParse("11111111-2222-5333-8444-555555555555"), RequestID: uuid.MustParse("66666666-7777-4888-9999-aaaaaaaaaaaa"),
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", PressedAt: time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC),
	}
}

// changed are claims that each differ from the full one in one field.
func changed(change ...func(*events.Claim)) []events.Claim {
	claims := make([]events.Claim, len(change))
	for i := range change {
		claims[i] = fullClaim()
		change[i](&claims[i])
	}
	return claims
}

// named are claims of shoppers with these names.
func named(names ...string) []events.Claim {
	claims := make([]events.Claim, len(names))
	for i := range names {
		claims[i] = fullClaim()
		claims[i].Username = names[i]
	}
	return claims
}

// pressed are claims of these times.
func pressed(times ...time.Time) []events.Claim {
	claims := make([]events.Claim, len(times))
	for i := range times {
		claims[i] = fullClaim()
		claims[i].PressedAt = times[i]
	}
	return claims
}

func ordinaryClaims() []events.Claim {
	claims := append([]events.Claim{fullClaim(), eventstest.NewClaim(1), eventstest.NewClose()}, changed(
		func(c *events.Claim) { c.IdempotencyKey = uuid.Nil },
		func(c *events.Claim) { c.RequestID = uuid.Nil },
		func(c *events.Claim) { c.Ledger = uuid.Nil },
		func(c *events.Claim) { c.Kind, c.Closing = events.KindClose, 1<<63-1 },
		func(c *events.Claim) { c.Beside = true },
		func(c *events.Claim) { c.Traceparent = "" },
		func(c *events.Claim) { c.Username = "" },
		func(c *events.Claim) { c.UserID, c.Attempt = 0, 0 },
		func(c *events.Claim) { c.V, c.SaleID, c.Generation = 2, 1<<63-1, 1_000_000_000_000_000_000 },
	)...)
	claims = append(claims, named("anna", "a b", "it's #1 = \u007f", "Ω", "张伟", "\U0001f642", "\ufffd", "\u2027\u202a", "~")...)
	return append(claims, pressed(time.Time{}, time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2028, 2, 29, 0, 0, 0, 1, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", -5*3600)),
		time.Date(0, 1, 1, 0, 0, 0, 100_000_000, time.UTC))...)
}

func oddClaims() []events.Claim {
	claims := changed(
		func(c *events.Claim) { c.Kind = "" },
		func(c *events.Claim) { c.Kind = "re<fund" },
		func(c *events.Claim) { c.V, c.SaleID, c.Generation = -1, -2, -3 },
		func(c *events.Claim) { c.UserID, c.Attempt = -1, -1 },
		func(c *events.Claim) { c.Traceparent = "00-&" },
		func(c *events.Claim) { c.Closing = -1 },
	)
	claims = append(claims, named(`a"b`, `a\b`, "<", ">", "a&b", "\x00", "\x1f", "\n", "\xff", "a\xc3", "\xed\xa0\x80", "\u2028", "a\u2029b")...)
	return append(claims, pressed(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 24*3600)), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 30)))...)
}

// Without this, the tests below also pass when encoding/json does all the work.
func TestOrdinaryClaimsAreWrittenAndReadByHand(t *testing.T) {
	t.Parallel()
	for _, c := range ordinaryClaims() {
		value, ok := appendUsual(nil, &c)
		if !ok {
			t.Errorf("%+v is left to encoding/json", c)
			continue
		}
		read, ok := readUsual(value)
		if !ok || !read.PressedAt.Equal(c.PressedAt) {
			t.Errorf("%s is read as %+v, %v", value, read, ok)
		}
		if read.PressedAt = c.PressedAt; read != c {
			t.Errorf("%s is read as %+v, want %+v", value, read, c)
		}
	}
}

// The objects that are left: the buffer, the headers and the messages of the batch; the texts of each claim.
func TestABatchOfClaimsTakesFewObjects(t *testing.T) {
	claims := make([]events.Claim, 100)
	for i := range claims {
		claims[i] = fullClaim()
	}
	messages, err := encodeClaims(claims)
	if err != nil {
		t.Fatal(err)
	}
	if encoding := objects(func() { _, err = encodeClaims(claims) }); encoding > 10 || err != nil {
		t.Errorf("encoding took %v objects (%v)", encoding, err)
	}
	decoding := objects(func() {
		for i := range messages {
			_, err = decodeClaim(messages[i].Value)
		}
	})
	if decoding > 2.5*float64(len(messages)) || err != nil {
		t.Errorf("decoding took %v objects (%v)", decoding, err)
	}
}

// objects is the smallest of many counts: what else runs in the process is counted too.
func objects(f func()) float64 {
	least := testing.AllocsPerRun(1, f)
	for range 50 {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}

// A message is kept while the next one is encoded; appending to a piece of it must not write into that one.
func TestEveryMessageKeepsItsBytes(t *testing.T) {
	t.Parallel()
	claims := ordinaryClaims()
	claims[5].Username = strings.Repeat("é<", 2000)
	messages, err := encodeClaims(claims)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range claims {
		m := messages[i]
		_, _, _ = append(m.Key, 'x'), append(m.Value, 'x'), append(m.Headers, m.Headers...)
		for _, h := range m.Headers {
			_ = append(h.Value, 'x')
		}
		want := [][]byte{[]byte(c.ID.String()), marshal(t, c), []byte(fmt.Sprint(c.V))}
		got := [][]byte{m.Key, m.Value, m.Headers[0].Value}
		if c.Traceparent != "" {
			want, got = append(want, []byte(c.Traceparent)), append(got, m.Headers[1].Value)
		}
		if !reflect.DeepEqual(got, want) || len(m.Headers) != len(want)-2 {
			t.Errorf("message %d is %q, want %q", i, got, want)
		}
	}
}

func marshal(t *testing.T, c events.Claim) []byte {
	t.Helper()
	value, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// FuzzClaimEncoding: what is written, and what is refused, is the same as with encoding/json.
func FuzzClaimEncoding(f *testing.F) {
	for _, c := range append(ordinaryClaims(), oddClaims()...) {
		_, zone := c.PressedAt.Zone()
		f.Add(c.V, string(c.Kind), slices.Concat(c.ID[:], c.IdempotencyKey[:], c.RequestID[:], c.Ledger[:]), c.SaleID, c.Generation, c.UserID, c.Username,
			c.Attempt, c.Traceparent, c.PressedAt.Unix(), int64(c.PressedAt.Nanosecond()), zone, c.Closing, c.Beside)
	}
	f.Fuzz(func(t *testing.T, v int, kind string, ids []byte, sale, generation, user int64, name string, attempt int, trace string,
		seconds, nanos int64, zone int, closing int64, beside bool,
	) {
		c := events.Claim{V: v, Kind: events.Kind(kind), SaleID: sale, Generation: generation, UserID: user, Username: name, Attempt: attempt, Traceparent: trace, Closing: closing, Beside: beside}
		copy(c.IdempotencyKey[:], ids[copy(c.ID[:], ids):])
		copy(c.RequestID[:], ids[min(len(ids), 32):])
		copy(c.Ledger[:], ids[min(len(ids), 48):])
		if c.PressedAt = time.Unix(seconds, nanos).UTC(); zone != 0 {
			c.PressedAt = c.PressedAt.In(time.FixedZone("", zone))
		}
		want, wantErr := json.Marshal(c)
		got, err := appendClaim([]byte("before"), &c)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%+v: %v, want %v", c, err, wantErr)
		}
		if err == nil && string(got) != "before"+string(want) {
			t.Fatalf("%+v: wrote\n%s, want\n%s", c, got, want)
		}
		sameReading(t, want)
	})
}

// FuzzClaimDecoding: what is read, and the reason why something cannot be read, is the same as with encoding/json.
func FuzzClaimDecoding(f *testing.F) {
	for _, c := range append(ordinaryClaims(), oddClaims()...) {
		if value, err := json.Marshal(c); err == nil {
			f.Add(value)
		}
	}
	for _, value := range nearlyClaims(f) {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) { sameReading(t, value) })
}

func sameReading(t *testing.T, value []byte) {
	t.Helper()
	var want events.Claim
	wantErr := json.Unmarshal(value, &want)
	got, err := readClaim(value)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: read\n%+v (%v), want\n%+v (%v)", value, got, err, want, wantErr)
	}
}

// nearlyClaims are texts that differ from a claim in one place.
func nearlyClaims(tb testing.TB) [][]byte {
	tb.Helper()
	value, err := json.Marshal(fullClaim())
	if err != nil {
		tb.Fatal(err)
	}
	var values [][]byte
	for old, replacements := range map[string][]string{
		`{"v":2`: {` {"v":2`, `{"V":2`, `{"v": 2`, `{"v":02`, `{"v":-2`, `{"v":2.0`, `{"v":2e0`, `{"v":`, `{"v":"2"`, `{"v":null`, `{"v":+2`, `{"v":00`, `{"v":0`, `[`},
		`"sale":7`: {`"sale":9223372036854775807`, `"sale":9223372036854775808`, `"sale":9999999999999999999`, `"sale":18446744073709551616`,
			`"sale":18446744073709551617`, `"sale":99999999999999999999`, `"sale":09223372036854775807`, `"sale":7,"sale":8`, `"sale":0x7`, `"sale":7 `},
		`"claim"`: {`"close"`, `"Claim"`, `"cl\u0061im"`, `"refund"`, `"claim `, `""`, `null`, `"claim",`},
		`0190163d-8694-8000-8abc-def000000001`: {`0190163D-8694-8000-8ABC-DEF000000001`, `{0190163d-8694-8000-8abc-def000000001}`,
			`0190163d869480008abcdef000000001`, `urn:uuid:0190163d-8694-8000-8abc-def000000001`, "\x010190163d-8694-8000-8abc-def000000001\x01",
			"\xff0190163d-8694-8000-8abc-def000000001\xff", `0190163d-8694-8000-8abc-def00000000`, `0190163d-8694-8000-8abc-def00000000g`,
			`0190163d08694-8000-8abc-def000000001`, `\u0030190163d-8694-8000-8abc-def000000001`, ``, `null`},
		`,"user":9007199254740993`:  {``, `,"user":0`, `,"user":9007199254740993,"user":1`, `,"USER":1`, `,"color":"red"`},
		`anna`:                      {`a\u006ena`, `a\"nna`, `a\nna`, "a\nna", "a\x00", "a\x1f", "a\x7f", "a\xff", "a\xc3", "\xed\xa0\x80", `\ud800`, "\u2028", "<&>", `\`, `a","attempt":3,"x":"`, ``},
		`,"attempt":2`:              {``, `,"attempt":9223372036854775808`, `,"attempt":-2`, `,"attempt":2,"attempt":3`},
		`"pressKey":"11111111-2222`: {`"presskey":"11111111-2222`, `"pressKey":"11111111_2222`, `"pressKey":"11111111-22-2`},
		`2026-02-03T04:05:06.0708Z`: {"2026-02-03T04:05:06Z", "2026-02-29T04:05:06Z", "2028-02-29T04:05:06Z", "2026-02-30T04:05:06Z", "2026-04-31T04:05:06Z",
			"2026-02-03T04:05:60Z", "2026-02-03T04:60:06Z", "2026-02-03T24:05:06Z", "2026-00-03T04:05:06Z", "2026-13-03T04:05:06Z", "2026-02-00T04:05:06Z",
			"2026-02-03T04:05:06.Z", "2026-02-03T04:05:06.0Z", "2026-02-03T04:05:06.070800000Z", "2026-02-03T04:05:06.0708000001Z", "2026-02-03T04:05:06.1234567899Z",
			"2026-02-03T04:05:06,5Z", "2026-02-03T4:05:06Z", "2026-02-03 04:05:06Z", "2026-02-03T04:05:06z", "2026-02-03T04:05:06", "2026-02-03T04:05:06+00:00",
			"2026-02-03T04:05:06-00:00", "2026-02-03T04:05:06+25:00", "2026-02-03T04:05:06+01:60", "2026-02-03T04:05:06-07:00", "0000-01-01T00:00:00Z",
			"9999-12-31T23:59:59.999999999Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2026-02-03T04:05:06.0708Z ", "2026-02-03T04:05:06\\u005a", "", "null"},
		`"ledger":"bbbbbbbb-cccc`: {`"Ledger":"bbbbbbbb-cccc`, `"ledger":"bbbbbbbb_cccc`, `"ledger":"","x":"`, `"ledger":null,"x":"`},
		`"}`:                      {`","closing":5}`, `","closing":0}`, `","closing":-5}`, `","closing":"5"}`, `","closing":5,"closing":6}`, `"} `, `"}}`, `"},`, `"`, `"]`, `" }`, `","color":{"a":[1]}}`, `","v":2}`, `"}` + "\x00"},
	} {
		if !bytes.Contains(value, []byte(old)) {
			tb.Fatalf("%s is not in %s", old, value)
		}
		for _, replacement := range replacements {
			values = append(values, []byte(strings.Replace(string(value), old, replacement, 1)))
		}
	}
	for end := range value {
		values = append(values, value[:end])
	}
	return values
}

func BenchmarkEncodeClaim(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			claims := make([]events.Claim, batch)
			for i := range claims {
				claims[i] = fullClaim()
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encodeClaims(claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeClaim(b *testing.B) {
	value, err := json.Marshal(fullClaim())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeClaim(value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadRecords(b *testing.B) {
	claims := make([]events.Claim, 100)
	for i := range claims {
		claims[i] = fullClaim()
	}
	messages, err := encodeClaims(claims)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if read, err := readRecords(&messageReader{messages: messages}, 0); err != nil || len(read) != len(claims) {
			b.Fatalf("read %d (%v)", len(read), err)
		}
	}
}

package claimlog

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go/protocol"

	"flashsale/events"
)

// A claim in the log is what encoding/json makes of it. The reflection in that package costs more than everything else
// that a process does with a claim before the ledger. So the usual form is written and read by hand here, and
// encoding/json does the rest. Both write the same bytes and accept the same texts; a fuzz test compares them.

// claimRoom is the size of a message in bytes, without its texts. For a larger one the buffer grows.
const claimRoom = 400

// besideForm is Claim.Beside where it is set.
const besideForm = `,"beside":true`

// claimEncoder writes a batch of claims into one buffer. It belongs to one batch: the messages keep pieces of it.
type claimEncoder struct {
	written []byte
	headers []protocol.Header
}

func newClaimEncoder(claims []events.Claim) *claimEncoder {
	room := 0
	for i := range claims {
		room += claimRoom + len(claims[i].Username) + 2*len(claims[i].Traceparent)
	}
	return &claimEncoder{written: make([]byte, 0, room), headers: make([]protocol.Header, 0, 2*len(claims))}
}

// piece is the part of longer that was appended last.
func (e *claimEncoder) piece(longer []byte) []byte {
	start := len(e.written)
	e.written = longer
	return longer[start:len(longer):len(longer)]
}

func (e *claimEncoder) message(c *events.Claim) (Message, error) {
	value, err := appendClaim(e.written, c)
	if err != nil {
		return Message{}, err
	}
	m := Message{Value: e.piece(value)}
	m.Key = e.piece(appendID(e.written, c.ID))
	start := len(e.headers)
	e.headers = append(e.headers, protocol.Header{Key: versionHeader, Value: e.piece(strconv.AppendInt(e.written, int64(c.V), 10))})
	if c.Traceparent != "" {
		e.headers = append(e.headers, protocol.Header{Key: TraceHeader, Value: e.piece(append(e.written, c.Traceparent...))})
	}
	m.Headers = e.headers[start:len(e.headers):len(e.headers)]
	return m, nil
}

// appendClaim appends what json.Marshal makes of c.
func appendClaim(b []byte, c *events.Claim) ([]byte, error) {
	if longer, ok := appendUsual(b, c); ok {
		return longer, nil
	}
	value, err := json.Marshal(*c)
	return append(b, value...), err
}

// appendUsual is false for a claim that encoding/json writes with escapes, or refuses.
func appendUsual(b []byte, c *events.Claim) ([]byte, bool) {
	if !Plain(string(c.Kind)) || !Plain(c.Username) || !Plain(c.Traceparent) {
		return nil, false
	}
	b = appendNumber(b, `{"v":`, int64(c.V))
	b = appendText(b, `,"kind":"`, string(c.Kind))
	b = appendQuoted(b, `,"id":"`, c.ID)
	b = appendNumber(b, `,"sale":`, c.SaleID)
	b = appendNumber(b, `,"generation":`, c.Generation)
	if c.Ledger != uuid.Nil {
		b = appendQuoted(b, `,"ledger":"`, c.Ledger)
	}
	if c.UserID != 0 {
		b = appendNumber(b, `,"user":`, c.UserID)
	}
	if c.Username != "" {
		b = appendText(b, `,"username":"`, c.Username)
	}
	if c.Attempt != 0 {
		b = appendNumber(b, `,"attempt":`, int64(c.Attempt))
	}
	if c.IdempotencyKey != uuid.Nil {
		b = appendQuoted(b, `,"pressKey":"`, c.IdempotencyKey)
	}
	if c.RequestID != uuid.Nil {
		b = appendQuoted(b, `,"press":"`, c.RequestID)
	}
	if c.Traceparent != "" {
		b = appendText(b, `,"traceparent":"`, c.Traceparent)
	}
	b, err := c.PressedAt.AppendText(append(b, `,"pressedAt":"`...))
	b = append(b, '"')
	if c.Closing != 0 {
		b = appendNumber(b, `,"closing":`, c.Closing)
	}
	if c.Beside {
		b = append(b, besideForm...)
	}
	return append(b, '}'), err == nil
}

func appendNumber(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(b, name...), n, 10)
}

func appendText(b []byte, name, text string) []byte {
	return append(append(append(b, name...), text...), '"')
}

func appendQuoted(b []byte, name string, id uuid.UUID) []byte {
	return append(appendID(append(b, name...), id), '"')
}

func appendID(b []byte, id uuid.UUID) []byte {
	b = append(hex.AppendEncode(b, id[:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return hex.AppendEncode(b, id[10:])
}

// Plain is true for a text that encoding/json writes and reads as it is.
func Plain(text string) bool {
	wide := false
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	return !wide || utf8.ValidString(text) && !strings.Contains(text, "\u2028") && !strings.Contains(text, "\u2029")
}

// readClaim reads what json.Unmarshal reads, and fails as it does.
func readClaim(value []byte) (events.Claim, error) {
	if c, ok := readUsual(value); ok {
		return c, nil
	}
	var c events.Claim
	err := json.Unmarshal(value, &c)
	return c, err
}

// readUsual reads exactly the form that appendUsual writes. It is false for every other text, right or wrong.
func readUsual(value []byte) (c events.Claim, ok bool) {
	s := claimScanner{rest: value}
	s.expect(`{"v":`)
	c.V = s.int()
	s.expect(`,"kind":"`)
	c.Kind = s.kind()
	s.expect(`,"id":"`)
	c.ID = s.id()
	s.expect(`,"sale":`)
	c.SaleID = s.number()
	s.expect(`,"generation":`)
	c.Generation = s.number()
	if s.skip(`,"ledger":"`) {
		c.Ledger = s.id()
	}
	if s.skip(`,"user":`) {
		c.UserID = s.number()
	}
	if s.skip(`,"username":"`) {
		c.Username = s.text()
	}
	if s.skip(`,"attempt":`) {
		c.Attempt = s.int()
	}
	if s.skip(`,"pressKey":"`) {
		c.IdempotencyKey = s.id()
	}
	if s.skip(`,"press":"`) {
		c.RequestID = s.id()
	}
	if s.skip(`,"traceparent":"`) {
		c.Traceparent = s.text()
	}
	s.expect(`,"pressedAt":"`)
	// This does what UnmarshalJSON does between the quotes, and takes no byte that encoding/json refuses there.
	if c.PressedAt.UnmarshalText(s.quoted()) != nil {
		s.giveUp()
	}
	if s.skip(`,"closing":`) {
		c.Closing = s.number()
	}
	c.Beside = s.skip(besideForm)
	return c, s.skip(`}`) && len(s.rest) == 0
}

// claimScanner takes a claim's form from the front of rest. When something else is there, rest becomes nil, so that the
// end of the claim is never found.
type claimScanner struct{ rest []byte }

func (s *claimScanner) giveUp() { s.rest = nil }

func (s *claimScanner) skip(form string) bool {
	if len(s.rest) < len(form) || string(s.rest[:len(form)]) != form {
		return false
	}
	s.rest = s.rest[len(form):]
	return true
}

func (s *claimScanner) expect(form string) {
	if !s.skip(form) {
		s.giveUp()
	}
}

// number takes digits. It gives up where they are no JSON number or overflow.
func (s *claimScanner) number() int64 {
	const longest = len("9223372036854775807")
	var n uint64
	digits := 0
	for ; digits < len(s.rest) && digits <= longest && '0' <= s.rest[digits] && s.rest[digits] <= '9'; digits++ {
		n = 10*n + uint64(s.rest[digits]-'0')
	}
	if digits == 0 || digits > 1 && s.rest[0] == '0' || digits > longest || n > math.MaxInt64 {
		s.giveUp()
		return 0
	}
	s.rest = s.rest[digits:]
	return int64(n)
}

func (s *claimScanner) int() int {
	n := s.number()
	if n > math.MaxInt {
		s.giveUp()
	}
	return int(n)
}

// quoted takes what stands before the next quotation mark, and the mark.
func (s *claimScanner) quoted() []byte {
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 {
		s.giveUp()
		return nil
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	return text
}

func (s *claimScanner) text() string {
	text := string(s.quoted())
	if !Plain(text) {
		s.giveUp()
	}
	return text
}

func (s *claimScanner) kind() events.Kind {
	switch string(s.quoted()) {
	case string(events.KindClaim):
		return events.KindClaim
	case string(events.KindClose):
		return events.KindClose
	}
	s.giveUp()
	return ""
}

// id takes the usual form only: in some other forms uuid does not check every byte, but encoding/json does.
func (s *claimScanner) id() uuid.UUID {
	text := s.quoted()
	id, err := uuid.ParseBytes(text)
	if err != nil || len(text) != len("00000000-0000-0000-0000-000000000000") {
		s.giveUp()
	}
	return id
}

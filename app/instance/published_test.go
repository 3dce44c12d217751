package instance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

// publishedFile has the events of one sale, from its beginning to its end, as a reader of the events topic gets them. Other
// programs depend on them: a line may be added, none may change. REWRITE=1 writes the file anew.
const publishedFile = "testdata/published.json"

// payloads is the payload of each type of event.
func payloads() map[string]any {
	return map[string]any{
		events.TypeOrderConfirmed:   &events.ConfirmedOrder{},
		events.TypeOrderCancelled:   &events.CancelledOrder{},
		events.TypeClaimDeclined:    &events.DeclinedClaim{},
		events.TypeStockChanged:     &events.Stock{},
		events.TypeSaleStateChanged: &events.ChangedSale{},
		events.TypeGenerationBegun:  &events.ChangedSale{},
	}
}

// publication is an event as it is published, with what differs from run to run replaced.
type publication struct {
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Payload map[string]any    `json:"payload"`
}

func TestWhatIsPublishedIsWhatIsDocumented(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	everyEvent(t, a)
	records := readPublished(t, d, a)
	seen := map[string]bool{}
	for _, r := range records {
		kind := headersOf(r)["ce_type"]
		seen[kind] = true
		decodesStrictly(t, kind, r.Value)
	}
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(payloads())); !slices.Equal(got, want) {
		t.Errorf("published are %v, the types with a payload are %v", got, want)
	}
	got := asJSON(t, publications(t, d, records))
	if os.Getenv("REWRITE") == "1" {
		if err := os.WriteFile(publishedFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(publishedFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("published is not what %s says; published:\n%s", publishedFile, got)
	}
}

// everyEvent causes every event on the first sale: sold, paused, declined, resumed, enlarged, an order cancelled, a new
// generation, closed.
func everyEvent(t *testing.T, a *Instance) {
	t.Helper()
	c, ctx := newClient(t, a.URL()), t.Context()
	c.HTTP.Transport = traced{c.HTTP.Transport}
	s, err := a.wiring.catalog.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	act := func(path string, body any) {
		t.Helper()
		if r := c.Call(http.MethodPost, path, body); r.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, r.Status, r.Raw)
		}
	}
	bought := c.BuySettled("john_doe")
	order, err := uuid.Parse(bought.Text("purchaseId"))
	if err != nil {
		t.Fatalf("no order: %d %s", bought.Status, bought.Raw)
	}
	act("/api/admin/pause", nil)
	late := claimOf(t, a.servers.pool, s, 2_000_000)
	if _, err := a.wiring.ledger.Decide(ctx, []events.Claim{late}); err != nil {
		t.Fatal(err)
	}
	act("/api/admin/resume", nil)
	act("/api/flash-sale/update-stock", map[string]int{"stockAmount": 7})
	err = pgx.BeginFunc(ctx, a.servers.pool, func(tx pgx.Tx) error {
		_, err := a.wiring.sales.CancelTx(ctx, tx, order)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	act("/api/flash-sale/reset", nil)
	act("/api/admin/close", nil)
}

// traced sends every request within a trace.
type traced struct{ http.RoundTripper }

func (r traced) RoundTrip(q *http.Request) (*http.Response, error) {
	q.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	return r.RoundTripper.RoundTrip(q)
}

// readPublished reads the sale's partition of the events topic until the sale is closed.
func readPublished(t *testing.T, d deployment, a *Instance) (records []kafka.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key := []byte(fmt.Sprint(currentSale(t, a)))
	var balancer kafka.Hash
	partition := balancer.Balance(kafka.Message{Key: key}, 0, 1, 2, 3, 4, 5, 6, 7)
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: d.Servers.KafkaBrokers, Topic: a.servers.log.EventsTopic(),
		Partition: partition, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond})
	defer func() { _ = reader.Close() }()
	for {
		r, err := reader.FetchMessage(ctx)
		if err != nil {
			t.Fatalf("after %d events: %v", len(records), err)
		}
		if !bytes.Equal(r.Key, key) {
			t.Fatalf("the key of an event is %q", r.Key)
		}
		records = append(records, r)
		if strings.Contains(string(r.Value), `"state":"closed"`) {
			return records
		}
	}
}

func currentSale(t *testing.T, a *Instance) int64 {
	t.Helper()
	s, err := a.wiring.catalog.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

func headersOf(r kafka.Message) map[string]string {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	return headers
}

// decodesStrictly: the documented struct has every field that is published, and every field it has is published.
func decodesStrictly(t *testing.T, kind string, value []byte) {
	t.Helper()
	payload := payloads()[kind]
	if payload == nil {
		t.Errorf("a %q is published and has no payload: %s", kind, value)
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(payload); err != nil {
		t.Errorf("%s: %v in %s", kind, err, value)
		return
	}
	if again := asJSON(t, payload); !reflect.DeepEqual(fields(t, again), fields(t, value)) {
		t.Errorf("%s: published is %s, its struct says %s", kind, value, again)
	}
}

func fields(t *testing.T, value []byte) (found map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&found); err != nil {
		t.Fatalf("%v in %s", err, value)
	}
	return found
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// varying are the values that no two runs share. The same value has the same number wherever it appears.
type varying struct {
	namespace string
	numbers   map[string]int
}

func publications(t *testing.T, d deployment, records []kafka.Message) (all []publication) {
	t.Helper()
	v := varying{namespace: d.Config.Namespace, numbers: map[string]int{}}
	for _, r := range records {
		p := publication{Key: string(r.Key), Headers: map[string]string{}, Payload: fields(t, r.Value)}
		for name, value := range headersOf(r) {
			p.Headers[name] = v.header(value)
		}
		for name, value := range p.Payload {
			p.Payload[name] = v.field(name, value)
		}
		all = append(all, p)
	}
	return all
}

// Forms of the values that vary.
const (
	formID    = `^[0-9]+\.[0-9]+-[0-9]{16}$`
	formTrace = `^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`
)

func (v varying) header(value string) string {
	switch {
	case value == "/flashsale/"+v.namespace:
		return "/flashsale/NAMESPACE"
	case regexp.MustCompile(formID).MatchString(value):
		return "OUTBOX.PLACE-MICROSECONDS"
	case regexp.MustCompile(formTrace).MatchString(value):
		return "TRACEPARENT"
	}
	return v.text(value)
}

func (v varying) field(name string, value any) any {
	if name == "user" {
		return v.numbered("USER", fmt.Sprint(value))
	}
	if text, ok := value.(string); ok {
		return v.text(text)
	}
	return value
}

func (v varying) text(value string) string {
	if id, err := uuid.Parse(value); err == nil && id.String() == value {
		return v.numbered("UUID", value)
	}
	if at, err := time.Parse(time.RFC3339Nano, value); err == nil && at.Location() == time.UTC && time.Since(at).Abs() < time.Hour {
		return "TIME"
	}
	return value
}

func (v varying) numbered(what, value string) string {
	if v.numbers[what+value] == 0 {
		v.numbers[what]++
		v.numbers[what+value] = v.numbers[what]
	}
	return fmt.Sprintf("%s %d", what, v.numbers[what+value])
}

// The comment of each type names its payload, and each type is one of those that the test above sees published.
func TestEachTypeOfEventNamesItsPayload(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../events/payload.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`Payload: \[(\w+)\]`)
	documented := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		value, literal := spec.Values[0].(*ast.BasicLit)
		payload := named.FindStringSubmatch(spec.Doc.Text())
		if !literal || payload == nil {
			t.Errorf("the comment of %s names no payload", spec.Names[0])
			return true
		}
		documented[strings.Trim(value.Value, `"`)] = payload[1]
		return true
	})
	want := map[string]string{}
	for kind, payload := range payloads() {
		want[kind] = reflect.TypeOf(payload).Elem().Name()
	}
	if !maps.Equal(documented, want) {
		t.Errorf("documented are %v, the payloads are %v", documented, want)
	}
}

// Nothing is published under a type that is not one of the constants.
func TestEventsAreWrittenWithAKnownType(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "../.." {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.CompositeLit); ok {
				if kind, message := typeOfMessage(literal); message {
					found++
					if !strings.HasPrefix(kind, "Type") {
						t.Errorf("%s writes an event whose type is not a constant of events", path)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < len(payloads()) {
		t.Errorf("only %d places write events, there are %d types", found, len(payloads()))
	}
}

// typeOfMessage is the constant that a literal events.Message has as its Type. Only messages have these three fields.
func typeOfMessage(literal *ast.CompositeLit) (kind string, message bool) {
	set := map[string]ast.Expr{}
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if name, ok := pair.Key.(*ast.Ident); ok {
				set[name.Name] = pair.Value
			}
		}
	}
	if set["SaleID"] == nil || set["Type"] == nil || set["Data"] == nil {
		return "", false
	}
	if constant, ok := set["Type"].(*ast.SelectorExpr); ok {
		return constant.Sel.Name, true
	}
	return "", true
}

package inventory_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/inventory"
)

// placesFixture is the places on one server, and a client that changes the keys directly.
type placesFixture struct {
	*inventory.Places
	client   rueidis.Client
	ns       string
	registry *prometheus.Registry
	log      *logBuffer
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *logBuffer) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *logBuffer) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// onEachServer runs a test of the scripts on miniredis and, when REDIS_URL names one, on a real server.
func onEachServer(t *testing.T, test func(t *testing.T, h placesFixture)) {
	t.Helper()
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, openPlaces(t, miniClient(t, miniredis.RunT(t).Addr()), "test"))
	})
	t.Run("redis", func(t *testing.T) {
		if !embeddedtest.RealRedis() {
			t.Skip("REDIS_URL is not set")
		}
		t.Parallel()
		test(t, openPlaces(t, embeddedtest.Redis(t), embeddedtest.Namespace(t)))
	})
}

func miniClient(t testing.TB, address string) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{address}, DisableCache: true, AlwaysRESP2: true, ForceSingleClient: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func openPlaces(t testing.TB, client rueidis.Client, ns string) placesFixture {
	t.Helper()
	h := placesFixture{client: client, ns: ns, registry: prometheus.NewPedanticRegistry(), log: &logBuffer{}}
	h.Places = inventory.NewPlaces(client, inventory.PlacesConfig{
		Namespace: ns, Registerer: h.registry, Logger: slog.New(slog.NewTextHandler(h.log, nil)),
	})
	return h
}

func (h placesFixture) name(part string) string {
	return fmt.Sprintf("%s:{%d:%d}:%s", h.ns, key.Sale, key.Generation, part)
}

// do sends a raw command.
func (h placesFixture) do(t testing.TB, words ...string) rueidis.RedisResult {
	t.Helper()
	result := h.client.Do(context.Background(), h.client.B().Arbitrary(words...).Build())
	if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%v: %v", words, err)
	}
	return result
}

func (h placesFixture) load(t testing.TB, limit, version int64, owners ...int64) bool {
	t.Helper()
	changed, err := h.Load(context.Background(), key, limit, version, owners)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return changed
}

// reserve gives the answers as letters, such as RRHF.
func (h placesFixture) reserve(t testing.TB, users ...int64) string {
	t.Helper()
	places, err := h.Reserve(context.Background(), key, users)
	if err != nil {
		t.Fatalf("reserve for %v: %v", users, err)
	}
	return letters(places)
}

func letters(places []inventory.Place) string {
	var b strings.Builder
	for _, p := range places {
		b.WriteString(strings.ToUpper(p.String()[:1]))
	}
	return b.String()
}

func (h placesFixture) wantReserve(t testing.TB, want string, users ...int64) {
	t.Helper()
	if got := h.reserve(t, users...); got != want {
		t.Fatalf("users %v got %s, want %s", users, got, want)
	}
}

// wantHolders checks who has a place, and how many may.
func (h placesFixture) wantHolders(t testing.TB, limit, version int64, users ...int64) {
	t.Helper()
	got, err := h.Count(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	if want := (inventory.Holders{Count: int64(len(users)), Limit: limit, Version: version}); got != want {
		t.Fatalf("count %+v, want %+v", got, want)
	}
	missing, extra, err := h.Compare(context.Background(), key, users)
	if err != nil || len(missing)+len(extra) > 0 {
		t.Fatalf("holders differ from %v: missing %v, extra %v, %v", users, missing, extra, err)
	}
}

func series(first, n int64) []int64 {
	users := make([]int64, n)
	for i := range users {
		users[i] = first + int64(i)
	}
	return users
}

// left lists the sale's keys.
func (h placesFixture) left(t *testing.T) []string {
	t.Helper()
	names, err := h.do(t, "KEYS", h.ns+":*").AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (h placesFixture) alarms(t *testing.T) float64 {
	return metric(t, h.registry, "flashsale_redis_wrong_type_total", "")
}

// metric reads one figure: a counter, a gauge, or the sum of a histogram. The label's value picks one of several.
func metric(t *testing.T, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
			}
		}
	}
	return 0
}

package api

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashsale/views/text"

	"github.com/labstack/echo/v4"

	"flashsale/app/live"
	"flashsale/sale"
)

func TestFramesOfAnotherSaleAreNewWhateverTheirVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id, last string
		want     bool
	}{
		{"1.0.57.active.false.false", "1.0.57.active.false.false", true},
		{"1.0.56.active.false.false", "1.0.57.active.false.false", true},
		{"1.0.58.active.false.false", "1.0.57.active.false.false", false},
		{"1.0.57.ended.false.false", "1.0.57.active.false.false", false},
		{"1.0.9.active.false.false", "1.0.10.active.false.false", true},
		{"2.0.1.active.false.false", "1.0.57.active.false.false", false},
		{"1.1.3.active.false.false", "1.0.57.active.false.false", false},
		{"1.1.57.active.false.false", "1.0.57.active.false.false", false},
		{"1.0.57.active.false.false", "1.1.3.active.false.false", true},
		{"1.10.3.active.false.false", "1.9.57.active.false.false", false},
		{"2.0.3.active.false.false", "1.1.57.active.false.false", false},
	} {
		if got := alreadySent(c.id, c.last); got != c.want {
			t.Errorf("%s after %s: already sent is %v", c.id, c.last, got)
		}
	}
}

// What readers see of a sale can change while its version stays: each such change is a frame that open streams are sent. That of the
// moment at which the last unit went comes a read later than the unit.
func TestWhatChangesWithoutAVersionIsSent(t *testing.T) {
	t.Parallel()
	_, b := newHandlers(t)
	before := b.snap
	before.Taken = before.Total
	for name, change := range map[string]func(*sale.Snapshot){
		"all units are claimed":   func(s *sale.Snapshot) { s.AllClaimed = true },
		"the figures are old":     func(s *sale.Snapshot) { s.Stale = true },
		"the sale ended":          func(s *sale.Snapshot) { s.Now = s.EndsAt.Add(time.Second) },
		"when the last unit went": func(s *sale.Snapshot) { s.Sellout = sale.Sellout{Opened: noon, At: noon.Add(time.Second)} },
	} {
		after := before
		change(&after)
		if visibleOf(&after) == visibleOf(&before) {
			t.Errorf("%s: readers see no change", name)
		}
		if alreadySent(frameID(&after), frameID(&before)) {
			t.Errorf("%s: the frame %s is not sent after %s", name, frameID(&after), frameID(&before))
		}
	}
}

func TestRunSendsTheSameBytesOncePerChange(t *testing.T) {
	t.Parallel()
	hs, b := newHandlers(t)
	seen := map[string]visible{}
	hs.publish(seen)
	sub, err := hs.cfg.Hub.Subscribe(statusTopic("first"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	first, err := sub.Next(t.Context())
	if err != nil || first.ID != "1.0.57.active.false.false" {
		t.Fatalf("%+v %v", first, err)
	}
	b.snap.Now = noon.Add(time.Second)
	hs.publish(seen)
	if f := newest(t, hs.cfg.Hub, statusTopic("first")); !bytes.Equal(f, first.Data) {
		t.Errorf("another frame though only time has passed: %s", f)
	}
	b.snap.Total = 9
	hs.publish(seen)
	if f, err := sub.Next(t.Context()); err != nil || !strings.Contains(string(f.Data), `"maxStock":9`) {
		t.Errorf("%s %v", f.Data, err)
	}
}

// newest is the frame that the hub has of a topic.
func newest(t *testing.T, hub *live.Hub, topic string) []byte {
	t.Helper()
	sub, err := hub.Subscribe(topic, "")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	f, err := sub.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f.Data
}

func TestQuietStreamsGetHeartbeats(t *testing.T) {
	t.Parallel()
	hs, b := newHandlers(t)
	e := echo.New()
	e.GET("/stream", hs.StatusStream)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	t.Cleanup(hs.Close)
	res, err := http.Get(srv.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var frames, times int
	for event, lines := "", bufio.NewScanner(res.Body); times < 3 && lines.Scan(); {
		switch field, value, _ := strings.Cut(lines.Text(), ": "); {
		case field == "event":
			event = value
		case field == "data" && event == "status":
			frames++
		case field == "data":
			milli, err := strconv.ParseInt(value, 10, 64)
			if at := time.UnixMilli(milli); err != nil || event != "time" || at.Before(noon) {
				t.Fatalf("event %s: %s", event, value)
			}
			if milli > noon.UnixMilli()+int64(times) {
				t.Fatalf("the time %d is ahead of the ledger's", milli)
			}
			if milli == noon.UnixMilli()+int64(times) {
				times++
				b.later(time.Millisecond)
			}
		}
	}
	if frames != 1 || times != 3 {
		t.Errorf("%d frames and %d times, want one and three", frames, times)
	}
}

// A block without data is no event, and what stands in it is lost to some readers. Streams that end together come back over ten seconds.
func TestARetryHintStandsInAnEvent(t *testing.T) {
	t.Parallel()
	hs, b := newHandlers(t)
	snap := activeSale()
	const many = 300
	for name, kind := range map[string]struct {
		event       func() []byte
		least, most int
	}{
		"first status": {func() []byte { return retryHint(statusFrame(&snap)) }, 1000, 4000},
		"first page":   {func() []byte { return retryHint(hs.pageFrame(text.Language{})(&snap)) }, 1000, 4000},
		"bye":          {func() []byte { return byeHint(timeEvent(b)) }, 1000, 10_000},
	} {
		var seconds [10]int
		for range many {
			one := string(kind.event())
			hint, event, _ := strings.Cut(one, "\n")
			after, err := strconv.Atoi(strings.TrimPrefix(hint, "retry: "))
			if err != nil || after < kind.least || after >= kind.most || strings.Count(event, "\n\n") != 1 || !strings.Contains(event, "data: ") {
				t.Fatalf("%s: %q", name, one)
			}
			seconds[after/1000]++
		}
		// Each second has its share, by far: a fair draw is outside of these bounds once in a billion tests.
		share := many / ((kind.most - kind.least) / 1000)
		for second := kind.least / 1000; second < kind.most/1000; second++ {
			if n := seconds[second]; n < share/10 || n > 5*share/2 {
				t.Errorf("%s: %d of %d come back in second %d: %v", name, n, many, second, seconds)
			}
		}
	}
}

func TestFragmentsOfSeveralLinesStayOneEvent(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	snap := activeSale()
	if got, want := string(hs.pageFrame(text.Language{})(&snap)), "id: 57\ndata: <p>first</p>\ndata: <p>2</p>\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

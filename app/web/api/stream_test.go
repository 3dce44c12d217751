package api

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/live"
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
	hs, _ := newHandlers(t)
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
	var before, comments int
	for lines := bufio.NewScanner(res.Body); comments < 3 && lines.Scan(); {
		switch {
		case strings.HasPrefix(lines.Text(), ":"):
			comments++
		case strings.HasPrefix(lines.Text(), "data:"):
			before++
		}
	}
	if before != 1 || comments != 3 {
		t.Errorf("%d frames and %d comments, want one and three", before, comments)
	}
}

func TestFragmentsOfSeveralLinesStayOneEvent(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	snap := activeSale()
	if got, want := string(hs.pageFrame(&snap)), "id: 57\ndata: <p>first</p>\ndata: <p>2</p>\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// TestHandWrittenProblemsAreTheSame compares the hot routes' documents with the ordinary ones, field by field.
func TestHandWrittenProblemsAreTheSame(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	for _, k := range request.Kinds() {
		a := sale.Answer{Username: "a\"\\\u2028é\x01", Sale: activeSale()}
		byHand := appendRefusal(append([]byte(nil), hs.statuses.refusals[k].head...), &a, 2)
		p := k.Problem("")
		p.Timestamp, p.UserID, p.Version, p.RetryAfter = at12, a.Username, 57, 2
		ordinary, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var hand, other map[string]any
		if err := json.Unmarshal(byHand, &hand); err != nil {
			t.Fatalf("%s: %v", byHand, err)
		}
		if err := json.Unmarshal(ordinary, &other); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(hand) != fmt.Sprint(other) {
			t.Errorf("by hand   %s\notherwise %s", byHand, ordinary)
		}
	}
}

// The problem of a sale that has not started says when it starts, to the second, for people and for programs.
func TestNotStartedSaysWhenItStarts(t *testing.T) {
	t.Parallel()
	hs, _ := newHandlers(t)
	a := sale.Answer{Kind: sale.Refused, Reason: sale.ReasonNotStarted, Sale: activeSale()}
	a.Sale.StartsAt = time.Date(2026, 3, 1, 10, 0, 37, 0, time.UTC)
	status, _, body := hs.appendAnswer(nil, &a, 0)
	var p struct{ Message, Detail, StartTime string }
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if status != 409 || p.Message != request.ErrNotStarted.Message || p.Detail != "Flash sale has not started yet; it starts at 2026-03-01T10:00:37.000Z" ||
		p.StartTime != "2026-03-01T10:00:37.000Z" {
		t.Errorf("%d %s", status, body)
	}
}

func TestTraceparents(t *testing.T) {
	t.Parallel()
	good := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, v := range []string{
		"", good[:54], good + "0", strings.ToUpper(good), "01" + good[2:], strings.Replace(good, "4b", "zz", 1), strings.Replace(good, "-00f", "_00f", 1),
		"00-" + strings.Repeat("0", 32) + good[35:], good[:36] + strings.Repeat("0", 16) + good[52:],
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Traceparent", v)
		if got := traceparent(r); got != "" {
			t.Errorf("%q was taken", v)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Traceparent", good)
	if traceparent(r) != good {
		t.Error("a good one was refused")
	}
}

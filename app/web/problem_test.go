package web

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"flashsale/app/web/request"
	"flashsale/sale"
)

func TestErrorsOfTheDomains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		status  int
		problem string
	}{
		{sale.ErrNoSale, 404, "no-sale"},
		{sale.ErrBusy, 409, "busy"},
		{sale.ErrBelowSold, 409, "below-sold"},
		{sale.ErrState, 409, "wrong-state"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{errors.New("disk on fire at 10.0.0.7"), 500, "internal"},
	} {
		w := newWorld(t)
		w.ops.err = errors.Join(errors.New("operate"), c.err)
		res := w.send(t, "POST", "/api/flash-sale/update-stock", `{"stockAmount":1}`)
		res.problem(t, c.status, c.problem)
		if strings.Contains(res.raw, "operate") || strings.Contains(res.raw, "10.0.0.7") {
			t.Errorf("the answer shows internal details: %s", res.raw)
		}
		if logged := strings.Contains(w.logged.String(), `"level":"ERROR"`); logged != (c.status == 500) {
			t.Errorf("%v: logged as an error is %v", c.err, logged)
		}
		if c.status == 503 && res.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
}

func TestRoutesThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, target := range []string{
		"/debug", "/debug/", "/debug/pprof/heap", "/stress-test", "/stress-test/1000", "/api/debug", "/api/flash-sale/stress-test", "/api/flash-sale/debug/redis", "/api/flash-sale/debug/a/b", "/api/flash-sale/stress-test/run", "/api/stress-test/x", "/api/debug/y",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			res := w.send(t, method, target, "")
			res.problem(t, 404, "gone")
			if d, _ := res.json["detail"].(string); !strings.Contains(d, "flashsale stress") || strings.Contains(strings.ToLower(res.raw), "moved") {
				t.Errorf("%s: %s", target, d)
			}
		}
	}
	w.send(t, "GET", "/api/nothing", "").problem(t, 404, "not-found")
	w.send(t, "GET", "/api/sales//status", "").problem(t, 404, "no-sale")
	w.send(t, "GET", "/api/flash-sale/purchase/", "").problem(t, 404, "not-found")
	for target, allow := range map[string]string{
		buy: "OPTIONS, POST", "/api/flash-sale/status": "GET, HEAD, OPTIONS", "/api/users/reset": "DELETE, OPTIONS",
	} {
		res := w.send(t, "PUT", target, "")
		res.problem(t, 405, "method-not-allowed")
		for _, method := range strings.Split(allow, ", ") {
			if !strings.Contains(res.Header.Get("Allow"), method) {
				t.Errorf("%s allows %s, want %s", target, res.Header.Get("Allow"), allow)
			}
		}
	}
}

// A kind of problem is explained to people by a page, and to developers as JSON, as plain text, and in the list of all kinds.
func TestEveryProblemHasItsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	list := w.browse(t, "/problems/")
	list.shows(t, 200, "<title>Problems · ", `<html lang="en"`)
	if plain := w.send(t, "GET", "/problems", ""); !strings.Contains(plain.raw, "/problems/sold-out\nSold out (409 Conflict)") {
		t.Errorf("the list as plain text: %d %s", plain.StatusCode, plain.raw)
	}
	all := w.send(t, "GET", "/problems/", "", "Accept: application/json")
	if kinds, _ := all.json["problems"].([]any); len(kinds) != len(request.Kinds()) {
		t.Errorf("the list of programs has %d kinds", len(kinds))
	}
	for _, k := range request.Kinds() {
		if seen[k.Name] {
			t.Errorf("%s is there twice", k.Name)
		}
		seen[k.Name] = true
		res := w.send(t, "GET", "/problems/"+k.Name, "")
		if res.StatusCode != http.StatusOK || !strings.Contains(res.raw, k.Explain) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", k.Name, res.StatusCode, res.raw)
		}
		w.send(t, "GET", "/problems/"+k.Name, "", "Accept: application/json").has(t, map[string]any{
			"type": "/problems/" + k.Name, "title": k.Title, "status": k.Status, "message": k.Message, "explanation": k.Explain,
		})
		page := w.browse(t, "/problems/"+k.Name)
		page.shows(t, 200, "<title>", "<h2>"+html.EscapeString(k.Page.Happened)+"</h2>", "<p>"+html.EscapeString(k.Page.Now)+"</p>", `class="button" href="/`, `href="/problems/#`+k.Name)
		page.lacks(t, ">"+strconv.Itoa(k.Status)+"<", html.EscapeString(k.Explain))
		list.shows(t, 200, `id="`+k.Name+`"`, html.EscapeString(k.Explain))
	}
	w.browse(t, "/problems/sold-out", "Accept-Language: de").shows(t, 200, "<h2>Alles ist ausverkauft</h2>", "Zurück zum Verkauf")
	newWorld(t, accountsMode).browse(t, "/problems/sign-in").shows(t, 200, `class="button" href="/sign-in"`)
	w.send(t, "GET", "/problems/none", "").problem(t, 404, "not-found")
}

// stateError is what database drivers return, seen from here.
type stateError string

func (e stateError) Error() string    { return "state " + string(e) }
func (e stateError) SQLState() string { return string(e) }

type retryError struct{ error }

func (retryError) SafeToRetry() bool { return true }

func TestServersThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err         error
		unavailable bool
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{fmt.Errorf("list: %w", &net.OpError{Op: "read", Err: syscall.ECONNRESET}), true},
		{io.ErrUnexpectedEOF, true},
		{net.ErrClosed, true},
		{stateError("57P01"), true},
		{stateError("53300"), true},
		{stateError("08006"), true},
		{retryError{errors.New("conn busy")}, true},
		{stateError("23505"), false},
		{stateError("57"), false},
		{errors.New("nil pointer"), false},
	} {
		w := newWorld(t)
		w.checkout.err = c.err
		res := w.send(t, "GET", buy+"/alice", "")
		if c.unavailable {
			res.problem(t, 503, "unavailable")
		} else {
			res.problem(t, 500, "internal")
		}
		if logged := strings.Contains(w.logged.String(), `"level":"ERROR"`); logged == c.unavailable {
			t.Errorf("%v: logged as a fault of ours is %v", c.err, logged)
		}
		if !strings.Contains(w.logged.String(), c.err.Error()) {
			t.Errorf("%v is nowhere in the log", c.err)
		}
	}
}

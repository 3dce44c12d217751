package instance

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// page asks as a browser without scripts does.
func (v *visitor) page(method, path, form string) reply {
	v.T.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, v.Base+path, strings.NewReader(form))
	if err != nil {
		v.T.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := v.HTTP.Do(req)
	if err != nil {
		v.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		v.T.Fatal(err)
	}
	return reply{Status: res.StatusCode, Header: res.Header, Raw: string(raw)}
}

var pageFigures = regexp.MustCompile(`data-testid="(current|sold|total)-stock">(\d+)<`)

// figuresIn are what is left, sold and in all, as a page or a frame has it.
func figuresIn(html string) string {
	var figures []string
	for _, m := range pageFigures.FindAllStringSubmatch(html, -1) {
		figures = append(figures, m[2])
	}
	return strings.Join(figures, "/")
}

// frames are those of a page's stream, as they come.
func frames(t *testing.T, address string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	mustBe(t, err)
	res, err := http.DefaultClient.Do(req)
	mustBe(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", address, res.Status)
	}
	came := make(chan string, 100)
	go func() {
		defer close(came)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && strings.Contains(data, `id="sale"`) {
				came <- data
			}
		}
	}()
	return came
}

// awaitFigures reads frames until one has these figures. Every one before has one of the others that are allowed.
func awaitFigures(t *testing.T, what string, from <-chan string, want string, before ...string) {
	t.Helper()
	deadline := time.After(requestPatience)
	for {
		select {
		case frame, open := <-from:
			got := figuresIn(frame)
			if got == want {
				return
			}
			if !open || !strings.Contains(strings.Join(before, " "), got) {
				t.Fatalf("%s shows %q, want %s", what, got, want)
			}
		case <-deadline:
			t.Fatalf("%s never showed %s", what, want)
		}
	}
}

// Two sales at once are each on their own page: figures, stream, purchase and receipt.
func TestTwoSalesDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.MaxStock = 100
	a := d.start(t)
	v := newVisitor(t, a.URL())
	v.Amend(map[string]any{"stock": 5}).Is(t, http.StatusOK, "")
	anotherSale(t, a.servers.pool, "second")
	mustBe(t, a.wiring.catalog.Refresh(t.Context()))

	streams := map[string]<-chan string{}
	for _, path := range []string{"/live", "/live?lang=de", "/sales/flash-sale/live", "/sales/second/live?lang=en", "/sales/second/live?lang=de"} {
		streams[path] = frames(t, a.URL()+path)
		first := "5/0/5"
		if strings.Contains(path, "second") {
			first = "70/0/70"
		}
		awaitFigures(t, path, streams[path], first)
	}
	buy := func(page, slugOfForm, name string) string {
		t.Helper()
		form := v.page(http.MethodGet, page, "")
		if !strings.Contains(form.Raw, `action="`+slugOfForm+`"`) {
			t.Fatalf("%s: %d %s", page, form.Status, form.Raw)
		}
		r := v.page(http.MethodPost, slugOfForm, "username="+name)
		for end := time.Now().Add(requestPatience); strings.Contains(r.Header.Get("Location"), "claim=") && time.Now().Before(end); {
			claim, _, _ := strings.Cut(r.Header.Get("Location"), "#")
			if r = v.page(http.MethodGet, claim, ""); strings.Contains(r.Raw, "/receipts/") {
				return regexp.MustCompile(`/receipts/[^"]+`).FindString(r.Raw)
			}
			time.Sleep(20 * time.Millisecond)
			r.Header.Set("Location", claim)
		}
		at := r.Header.Get("Location")
		if r.Status != http.StatusSeeOther || !strings.HasPrefix(at, "/receipts/") {
			t.Fatalf("a press on %s: %d, %s", page, r.Status, at)
		}
		return at
	}
	receipt := v.page(http.MethodGet, buy("/sales/second", "/api/sales/second/purchase", shopperName(0)), "")
	if receipt.Status != http.StatusOK || !strings.Contains(receipt.Raw, `data-testid="receipt-bought"`) {
		t.Errorf("the receipt: %d %s", receipt.Status, receipt.Raw)
	}
	awaitFigures(t, "the second sale", streams["/sales/second/live?lang=en"], "69/1/70", "70/0/70")
	awaitFigures(t, "the second sale in German", streams["/sales/second/live?lang=de"], "69/1/70", "70/0/70")
	buy("/", "/api/flash-sale/purchase", shopperName(1))
	for _, path := range []string{"/live", "/live?lang=de", "/sales/flash-sale/live"} {
		awaitFigures(t, path, streams[path], "4/1/5", "5/0/5")
	}
	for path, want := range map[string]string{
		"/": "4/1/5", "/sales/flash-sale": "4/1/5", "/sales/second": "69/1/70", "/status": "4/1/5", "/sales/second/status": "69/1/70",
	} {
		eventually(t, path+" shows "+want, func() bool { return figuresIn(v.page(http.MethodGet, path, "").Raw) == want })
	}
	for name, bought := range map[string][2]bool{shopperName(0): {false, true}, shopperName(1): {true, false}} {
		for i, page := range []string{"/", "/sales/second"} {
			r := v.page(http.MethodGet, page+"?check=1&username="+name, "")
			if got := strings.Contains(r.Raw, "You have already purchased this item!"); got != bought[i] {
				t.Errorf("%s has bought on %s: %t", name, page, got)
			}
		}
	}
	select {
	case frame := <-streams["/sales/second/live?lang=en"]:
		if got := figuresIn(frame); got != "69/1/70" {
			t.Errorf("the stream of the second sale shows %s", got)
		}
	default:
	}
}

// counted is a connection that counts what is asked by it.
type counted struct {
	net.Conn
	asked *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.asked.Add(1)
	return c.Conn.Write(b)
}

// A thousand pages cost fewer questions than one each; what runs besides them asks some.
func TestLoadingAPageAsksNoServer(t *testing.T) {
	t.Parallel()
	for _, demo := range []bool{true, false} {
		d := newDeployment(t)
		d.Config.Demo, d.Config.MailDev = demo, !demo
		asked := &atomic.Int64{}
		dial := d.Servers.RedisDial
		d.Servers.RedisDial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dial == nil {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
				return counted{conn, asked}, err
			}
			conn, err := dial(ctx, network, address)
			return counted{conn, asked}, err
		}
		a := d.start(t)
		servers := a.servers
		questions := func() int64 {
			n := asked.Load()
			n += servers.pool.Stat().AcquireCount() + servers.ledger.Stat().AcquireCount() + servers.lease.Stat().AcquireCount()
			return n
		}
		visitors := map[string]*visitor{"nobody": newVisitor(t, a.URL())}
		if !demo {
			visitors["signed in"] = newVisitor(t, a.URL())
			if !visitors["signed in"].signUpByCode(a, "calm@example.com", form{"username": "calm_reader"}) {
				t.Fatal("nobody is signed in")
			}
		}
		for who, v := range visitors {
			for _, path := range []string{"/", "/sales/flash-sale"} {
				const pages = 1000
				before := questions()
				for range pages {
					r := v.get(path)
					if r.Status != http.StatusOK || strings.Contains(r.Raw, "calm_reader") != (who == "signed in") {
						t.Fatalf("%s, %s: %d %s", who, path, r.Status, r.Raw)
					}
				}
				if n := questions() - before; n > pages/2 {
					t.Errorf("%s: %d pages of %s asked %d questions", who, pages, path, n)
				} else {
					t.Logf("%s: %d pages of %s beside %d questions", who, pages, path, n)
				}
			}
		}
	}
}

var pageFiles = regexp.MustCompile(`(?:href|src)="(/static/[^"]+\.(?:css|js))"`)

// The first page with its style sheet and scripts, header fields included, as a browser gets them.
func TestTheFirstPageIsSmall(t *testing.T) {
	t.Parallel()
	const most = 40 << 10
	d := newDeployment(t)
	a := d.start(t)
	var bytes atomic.Int64
	transport := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return received{conn, &bytes}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	load := func(path string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
		mustBe(t, err)
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
		res, err := client.Do(req)
		mustBe(t, err)
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		mustBe(t, err)
		if res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", path)
		}
		return string(raw)
	}
	load("/")
	page := newVisitor(t, a.URL()).page(http.MethodGet, "/", "").Raw
	files := pageFiles.FindAllStringSubmatch(page, -1)
	if len(files) < 5 {
		t.Fatalf("the page loads %v", files)
	}
	for _, file := range files {
		load(file[1])
	}
	transport.CloseIdleConnections()
	if t.Logf("the first page: %d bytes in %d answers", bytes.Load(), len(files)+1); bytes.Load() >= most {
		t.Errorf("the first page has %d bytes, the budget is %d", bytes.Load(), most)
	}
}

type received struct {
	net.Conn
	bytes *atomic.Int64
}

func (c received) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

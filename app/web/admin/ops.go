package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"flashsale/app/web/request"
)

// LongestProfile is the longest that a profile or trace may take: it costs every request something as long as it runs.
const LongestProfile = 60 * time.Second

// profileWritten is how long a client may take to read a profile.
const profileWritten = 10 * time.Second

// OpsConfig says who may use the operators' listener.
type OpsConfig struct {
	// Token has to be sent as "Authorization: Bearer TOKEN" for everything but whether the process lives. "": nobody is
	// asked for one.
	Token string
	// Host is a name under which the listener answers beside localhost and addresses. "": none.
	Host string
}

// OpsHandler answers the operators' listener: probes, metrics and profiles. It is for a private address. Without the token it
// answers only to addresses, localhost and Host, because a page of another site can point a name of its own at a private
// address and then read what that answers. It answers no request that such a page sends.
func (hs *Handlers) OpsHandler() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) }
	mux.HandleFunc("GET /health", ok)
	mux.HandleFunc("GET /livez", ok)
	guard := newOpsGuard(hs.cfg.Ops)
	mux.Handle("GET /readyz", guard.probe(hs.opsReadyz, hs.publicReadyz))
	if hs.cfg.Gatherer != nil {
		mux.Handle("GET /metrics", guard.only(promhttp.HandlerFor(hs.cfg.Gatherer, promhttp.HandlerOpts{Timeout: 10 * time.Second})))
	}
	profiles := make(turn, 1)
	mux.Handle("GET /debug/pprof/", guard.only(profiles.one(pprof.Index)))
	mux.Handle("GET /debug/pprof/cmdline", guard.only(http.HandlerFunc(pprof.Cmdline)))
	mux.Handle("GET /debug/pprof/profile", guard.only(profiles.one(pprof.Profile)))
	mux.Handle("GET /debug/pprof/symbol", guard.only(http.HandlerFunc(pprof.Symbol)))
	mux.Handle("GET /debug/pprof/trace", guard.only(profiles.one(pprof.Trace)))
	return mux
}

// opsGuard decides who may read from the operators' listener.
type opsGuard struct {
	host  string
	asks  bool     // for a token
	token [32]byte // digest of the Authorization field that is asked for
}

func newOpsGuard(cfg OpsConfig) *opsGuard {
	return &opsGuard{
		host: strings.ToLower(cfg.Host), asks: cfg.Token != "", token: sha256.Sum256([]byte("Bearer " + cfg.Token)),
	}
}

// only lets those through who may read, and tells the others why not.
func (g *opsGuard) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code, why := g.refusal(r); code != 0 {
			if code == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="flashsale operations"`)
			}
			http.Error(w, why, code)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// probe answers who may read with told, and everybody else with public: a load balancer has no token.
func (g *opsGuard) probe(told, public http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code, _ := g.refusal(r); code != 0 {
			public(w, r)
			return
		}
		told(w, r)
	})
}

// refusal is the status with which a request is refused and why; 0: it is not.
func (g *opsGuard) refusal(r *http.Request) (code int, why string) {
	if g.asks {
		if sent := sha256.Sum256([]byte(r.Header.Get("Authorization"))); subtle.ConstantTimeCompare(sent[:], g.token[:]) != 1 {
			return http.StatusUnauthorized, "send the token of OPS_TOKEN as \"Authorization: Bearer TOKEN\""
		}
		return 0, ""
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return http.StatusForbidden, "pages of other sites are not answered"
	}
	if !g.answersTo(r.Host) {
		return http.StatusMisdirectedRequest, "without OPS_TOKEN this listener answers to an address, to localhost and to the name in OPS_ADDR only"
	}
	return 0, ""
}

// answersTo is true for a Host field that no page of another site can have: none, an address, localhost, or the name that the
// operator has given the listener.
func (g *opsGuard) answersTo(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	_, err := netip.ParseAddr(host)
	return err == nil || host == "" || host == "localhost" || g.host != "" && host == g.host
}

// turn lets one request at a time through.
type turn chan struct{}

// one bounds a profile: one at a time, and none longer than LongestProfile.
func (t turn) one(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw := r.FormValue("seconds"); raw != "" {
			n, err := strconv.ParseFloat(raw, 64)
			if err != nil || !(n >= 0 && n <= LongestProfile.Seconds()) {
				http.Error(w, "seconds must be a number from 0 to "+strconv.Itoa(int(LongestProfile.Seconds())), http.StatusBadRequest)
				return
			}
		}
		select {
		case t <- struct{}{}:
			defer func() { <-t }()
			// A client that does not read would keep its turn.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(LongestProfile + profileWritten))
			next(w, r)
		default:
			w.Header().Set("Retry-After", "5")
			http.Error(w, "another profile is being taken; ask again when it is done", http.StatusServiceUnavailable)
		}
	})
}

func (hs *Handlers) opsReadyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), request.AnswerTime)
	defer cancel()
	code, d := hs.operatorsView(ctx)
	writeOps(w, code, d)
}

// publicReadyz tells no more than the public listener does.
func (hs *Handlers) publicReadyz(w http.ResponseWriter, _ *http.Request) {
	state := hs.readiness()
	writeOps(w, state.code(), readyDocument{Status: state})
}

func writeOps(w http.ResponseWriter, code int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		http.Error(w, "the readiness could not be written", http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = request.PlainJSON
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}

package instance

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/figures"
	"flashsale/app/server"
	"flashsale/app/web/request"
	"flashsale/events"
)

// observeCombiners shows at each stage how many calls wait for a batch, and how long the oldest has.
func observeCombiners(stages map[string]combining, reg prometheus.Registerer) {
	for stage, one := range stages {
		labels := prometheus.Labels{"stage": stage}
		events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_combine_waiting", Help: "Calls that wait for a batch.", ConstLabels: labels,
		}, func() float64 { calls, _ := one.Waiting(); return float64(calls) }))
		events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_combine_wait_seconds", Help: "How long the oldest call has waited for its batch.", ConstLabels: labels,
		}, func() float64 { _, oldest := one.Waiting(); return oldest.Seconds() }))
	}
}

// verdictLookups counts the queries for verdicts.
func verdictLookups(reg prometheus.Registerer) prometheus.Counter {
	return events.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "flashsale_verdict_lookups_total",
		Help: "Queries to Postgres for verdicts of claims; one query serves all requests that wait.",
	}))
}

// degraded shows the servers that no domain watches by itself. Package inventory has the same metric for Redis.
func degraded(reg prometheus.Registerer) *prometheus.GaugeVec {
	return events.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "flashsale_degraded", Help: "1 while a part works without something it depends on.",
	}, []string{"part"}))
}

// observeCertificate tells when the certificate of the public listener ends, so that an alarm comes before browsers refuse it; 0 while
// there is none.
func observeCertificate(c certificate, reg prometheus.Registerer) {
	events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate of the public listener ends, in Unix time; 0 while it has none.",
	}, func() float64 {
		if end := c.End(); !end.IsZero() {
			return float64(end.Unix())
		}
		return 0
	}))
}

// observePlaces shows how many connections of clients may be open, and how many are.
func observePlaces(l *server.Limiter, reg prometheus.Registerer) {
	events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_connections_limit", Help: "How many connections of the public listener may be open.",
	}, func() float64 { return float64(l.Limit()) }))
	events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_connections", Help: "Open connections of the public listener.",
	}, func() float64 { return float64(l.Open()) }))
	events.Register(reg, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "flashsale_connections_evicted_total", Help: "Quiet connections that were closed to make room for new ones.",
	}, func() float64 { return float64(l.Evicted()) }))
}

// toldAfter is how long a claim waits before operators are told of it: as long as a request waits before it looks whether anybody
// consumes. Nearly all are decided long before that.
const toldAfter = 500 * time.Millisecond

// undecided are the claims without a verdict that this process knows of, at most so many: those that it answers for, and those that it
// has read from the log.
func (c *wiring) undecided(most int) []figures.Claim {
	now := time.Now()
	list := c.checkout.Undecided(now, toldAfter, most)
	for _, u := range c.ledger.Undecided(now, toldAfter, most) {
		list = events.Oldest(list, &u, most)
	}
	all := make([]figures.Claim, 0, len(list))
	for i := range list {
		u := &list[i]
		one := figures.Claim{
			ID: u.ClaimID, Sale: u.SaleID, Generation: u.Generation, Account: u.UserID, Username: u.Username, Pressed: u.PressedAt,
			Millis: now.Sub(u.Since).Milliseconds(), Doing: string(u.Doing),
		}
		if u.Position != nil {
			one.Partition, one.Offset = &u.Position.Partition, &u.Position.Offset
		}
		all = append(all, one)
	}
	return all
}

// figuresChannel carries what each process counts to the others.
const figuresChannel = "figures"

// watch keeps what operators watch: the figures of this process, which from has, and those of the others.
func (c *wiring) watch(from prometheus.Gatherer, log *slog.Logger) *figures.Keeper {
	k := figures.New(figures.Config{
		Process: c.id, Version: Version(), From: from, Logger: log,
		Metrics: figures.Metrics{
			Answers: "flashsale_purchases_total", Times: "flashsale_http_request_seconds",
			Routes:    []string{request.CurrentSale + "/purchase", request.AnySale + "/purchase"},
			Undecided: "flashsale_undecided_claims", UndecidedAge: "flashsale_undecided_claims_oldest_seconds",
			Streams: "flashsale_live_streams", Unpublished: "flashsale_outbox_unpublished", OutboxAge: "flashsale_outbox_oldest_seconds",
			Lag: "flashsale_consumer_lag_records", Holders: "flashsale_holders",
		},
		Servers: func() (all []figures.Server) {
			for _, d := range c.probing.dependencies() {
				if d.Name == certificatesProbe {
					continue
				}
				all = append(all, figures.Server{Name: d.Name, OK: d.OK, Since: d.Since, Detail: d.Detail})
			}
			return all
		},
		Sales: func() (all []figures.Sale) {
			for _, s := range c.catalog.All() {
				all = append(all, figures.Sale{ID: s.ID, Generation: s.Generation, Total: s.Total, Taken: s.Taken})
			}
			return all
		},
		Claims:  c.undecided,
		Publish: func(text []byte) { c.bus.PublishNote(figuresChannel, text) },
	})
	c.bus.OnNote(figuresChannel, k.Take)
	c.parts.add("figures", serving, k)
	return k
}

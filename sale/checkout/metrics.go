package checkout

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// checkoutMetrics are what only the checkout knows; app/web counts purchase requests by outcome.
type checkoutMetrics struct {
	unplaced prometheus.Counter
	unread   prometheus.Counter
	atOnce   prometheus.Counter
	// Claims that were waited for here, by how their verdict came.
	decided, told, lookedUp prometheus.Counter
	polls                   struct{ remembered, looked, failed prometheus.Counter }
	stages                  stageTimes
}

// newCheckoutMetrics makes the metrics. waiting tells how many claims wait for their verdicts, oldest for how many seconds one has.
func newCheckoutMetrics(r prometheus.Registerer, waiting, oldest func() float64) *checkoutMetrics {
	woken := events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claims_woken_total",
		Help: "Claims that were waited for, by how their verdict came: decided here, told by another process, looked up.",
	}, []string{"by"}))
	polls := events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claim_polls_total", Help: "Questions what became of a claim, by what answered: memory, the ledger, or nothing.",
	}, []string{"answered"}))
	events.Register(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_undecided_claims", Help: "Claims this process knows of that have no verdict yet.",
	}, waiting))
	events.Register(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_undecided_claims_oldest_seconds", Help: "For how long the oldest claim that this process knows of has had no verdict.",
	}, oldest))
	m := &checkoutMetrics{
		unplaced: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_releases_dropped_total", Help: "Places of declined claims that were left to the reconciler.",
		})),
		unread: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_bus_unread_total", Help: "Messages of other processes that could not be read or believed.",
		})),
		atOnce: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_claims_decided_at_once_total", Help: "Claims that a quiet process had decided directly while the log took them.",
		})),
		stages:  newStageTimes(r),
		decided: woken.WithLabelValues("decided"), told: woken.WithLabelValues("told"), lookedUp: woken.WithLabelValues("looked-up"),
	}
	m.polls.remembered, m.polls.looked = polls.WithLabelValues("memory"), polls.WithLabelValues("ledger")
	m.polls.failed = polls.WithLabelValues("nothing")
	return m
}

// stageTimes show where the time of presses went. The stages of one press follow each other without a gap, so together they are
// the time from the press to its answer.
type stageTimes struct {
	places, appended, handOver, decide, commit, wake prometheus.Observer
	// Instead of handOver to wake: elsewhere if another process decided, or a look-up found the verdict; undecided if the press was
	// answered without one.
	elsewhere, undecided prometheus.Observer
}

func newStageTimes(r prometheus.Registerer) stageTimes {
	times := events.Register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "flashsale_purchase_stage_seconds", Buckets: prometheus.ExponentialBuckets(50e-6, 2, 17), // to 3.3 s, more than a press may take
		Help: "Time of the stages of a press that wrote its claim: places (until it has its place), append (until the log has the claim), " +
			"hand-over (until its transaction begins), decide (until that has the verdict), commit, wake (until it is answered). " +
			"Instead of those after append: elsewhere (another process decided), undecided (answered without a verdict).",
	}, []string{"stage"}))
	return stageTimes{
		places: times.WithLabelValues("places"), appended: times.WithLabelValues("append"), handOver: times.WithLabelValues("hand-over"),
		decide: times.WithLabelValues("decide"), commit: times.WithLabelValues("commit"), wake: times.WithLabelValues("wake"),
		elsewhere: times.WithLabelValues("elsewhere"), undecided: times.WithLabelValues("undecided"),
	}
}

// elapsed is the time since the press.
func (p *purchase) elapsed() time.Duration { return buyTime - time.Until(p.deadline) }

// observeStages counts the stages of this press, which is answered now. It allocates nothing.
func (p *purchase) observeStages(w *pendingClaim, how waitResult) {
	s, whole := &p.metrics.stages, p.elapsed()
	s.places.Observe(p.placed.Seconds())
	here := w.decidedHere()
	if how != claimDecided || here == nil {
		rest := s.elsewhere
		if how != claimDecided {
			rest = s.undecided
		}
		s.appended.Observe((p.appended - p.placed).Seconds())
		rest.Observe((whole - p.appended).Seconds())
		return
	}
	// A transaction may begin before the log's acknowledgement is here: then the append was over, or the claim was decided at once,
	// and what the append took longer than the commit is the append's. One that is older than the press took none of its time.
	pressed := p.deadline.Add(-buyTime)
	begun := max(p.placed, here.Begun.Sub(pressed))
	appended := min(p.appended, begun)
	decided := max(begun, here.Decided.Sub(pressed))
	committed := max(decided, here.Committed.Sub(pressed))
	late := max(committed, p.appended) - committed
	s.appended.Observe((appended - p.placed + late).Seconds())
	s.handOver.Observe((begun - appended).Seconds())
	s.decide.Observe((decided - begun).Seconds())
	s.commit.Observe((committed - decided).Seconds())
	s.wake.Observe((whole - committed - late).Seconds())
}

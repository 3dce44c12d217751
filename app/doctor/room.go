package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"flashsale/app/config"
	"flashsale/app/server"
)

// examineRoom tells for how many clients there is room: in the instance that answers on OPS_ADDR, else in one that is started
// from here.
func (d *Doctor) examineRoom(ctx context.Context) {
	descriptors := server.Descriptors()
	room := server.NewLimiter(server.LimitFor(descriptors))
	connections, streams, where := room.Limit(), room.StreamShare(), "an instance started from here"
	shown, err := runningFigures(ctx, d.cfg)
	if err == nil && shown["flashsale_connections_limit"] > 0 {
		descriptors, where = int(shown["process_max_fds"]), "the instance at "+d.cfg.OpsAddr
		connections, streams = int(shown["flashsale_connections_limit"]), int(shown["flashsale_live_streams_limit"])
	}
	advice := ""
	if descriptors > 0 && descriptors < fewDescriptors {
		advice = "; for more raise the hard limit (ulimit -Hn, LimitNOFILE=)"
	}
	d.say(true, "%-11s %s: %d descriptors, %d connections of clients, at most %d of them live streams%s", "room", where, descriptors, connections, streams, advice)
	if refused := shown["flashsale_live_streams_refused_total"]; refused > 0 {
		d.say(true, "%-11s %.0f refused, %.0f open; their pages ask for the status instead; more processes or descriptors give room", "streams", refused, shown["flashsale_live_streams"])
	}
	if unread := shown["flashsale_forwarded_unread_total"]; unread > 0 {
		d.say(true, "%-11s %.0f requests had Forwarded or X-Forwarded-For and came from a peer that TRUSTED_PROXIES does not name; if it is your proxy (the log names it) add it there", "proxies", unread)
	}
}

// fewDescriptors is less than a process usually may have.
const fewDescriptors = 10_000

// runningFigures are the metrics of the instance on OPS_ADDR by name, summed over their labels.
func runningFigures(ctx context.Context, cfg config.Config) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cfg.OpsAddr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	if cfg.OpsToken != "" {
		ask.Header.Set("Authorization", "Bearer "+cfg.OpsToken)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(ask)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the metrics at %s: %s", cfg.OpsAddr, answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(answer.Body, 8<<20))
	shown := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			shown[name] += m.GetGauge().GetValue() + m.GetCounter().GetValue() // it is one of the two, and the other is zero
		}
	}
	return shown, err
}

package app

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
	"flashsale/app/stress"
)

// With LEGACY_STATUS every answer to a purchase is 201. The banner says so, and stress counts by what the answers say.
func TestLegacyStatusIsSaidAndStressIsStillExact(t *testing.T) {
	t.Parallel()
	const sentence = "Legacy statuses: "
	for value, legacy := range map[string]bool{"true": true, "": false} {
		set, err := config.From(func(name string) (string, bool) { return value, name == "LEGACY_STATUS" })
		if err != nil {
			t.Fatal(err)
		}
		d := instancetest.New(t)
		d.Config.LegacyStatus = set.LegacyStatus
		said, banner := io.Pipe()
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		ended := make(chan error, 1)
		go func() {
			err := serve(ctx, d.Config, terminal{out: banner, err: instancetest.Writer{T: t}}, instance.On(d.Servers))
			ended <- err
			_ = banner.CloseWithError(io.EOF)
		}()
		var url string
		lines, told := bufio.NewScanner(said), false
		for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C stops it") {
			if _, at, ok := strings.Cut(lines.Text(), "Application is running on: "); ok {
				url = at
			}
			told = told || strings.Contains(lines.Text(), sentence)
		}
		go func() { _, _ = io.Copy(io.Discard, said) }()
		if told != legacy {
			t.Errorf("LEGACY_STATUS=%q: the banner says %q: %v", value, sentence, told)
		}
		report, err := stress.Run(ctx, stress.Config{URL: []string{url}, Scenario: "100"})
		if err != nil || !report.OK || len(report.Scenarios) != 1 {
			t.Fatalf("%+v, %v", report, err)
		}
		if r := report.Scenarios[0]; r.Successful != 5 || r.Failed != 95 || (r.Codes["409"] == 0) != legacy {
			t.Errorf("LEGACY_STATUS=%q: %+v", value, r)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve ends with %v", err)
		}
	}
}

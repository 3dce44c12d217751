package stress

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestReportAsText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	one(t, Config{URL: []string{newShop().open(t)}, Scenario: "100", Out: &out})
	for _, want := range []string{
		"Total Users: 100\n", "Successful Purchases: 5\n", "Failed Purchases: 95\n", "Success Rate: 5.00%\n",
		"\nTotal Duration: ", "\nResponse Time: avg ", " requests/second\n", "\nLatency: p50 ", "Codes: 201 x 5, 409 x 95\n",
		"Problems answered: sold-out x 95\n", "Distinct receipts: 5  units sold: 5 of 5  left: 0\n", "Verify: I1 ok\n", "Result: exact\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	out.Reset()
	bad := Result{Scenario: "x", Faults: []string{"oversold: 6 of 5"}}
	if err := (Report{Scenarios: []Result{bad}}).WriteText(&out); err != nil || !strings.Contains(out.String(), "FAULT oversold: 6 of 5\nResult: NOT EXACT\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	want := one(t, Config{URL: []string{newShop().open(t)}, Scenario: "race", Out: &out, JSON: true})
	var got Report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !got.OK || got.Seed == 0 || len(got.Scenarios) != 1 || got.Scenarios[0].Successful != want.Successful || got.Scenarios[0].Latency != want.Latency {
		t.Fatalf("%s", out.String())
	}
	if !strings.Contains(out.String(), `"faults": []`) {
		t.Error("no faults should be an empty list")
	}
}

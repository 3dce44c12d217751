package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
)

func TestAMatchAllowsTheRevisionsItNames(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]struct{ wellFormed, allowsNine bool }{
		`"9"`: {true, true}, `*`: {true, true}, ` "8", "9" `: {true, true}, `, "9",`: {true, true}, `W/"8","9"`: {true, true},
		`"8"`: {true, false}, `W/"9"`: {true, false}, `"09"`: {true, false}, `""`: {true, false},
		`9`: {}, `"9`: {}, `"8" "9"`: {}, `*, "9"`: {}, `,`: {}, ``: {}, `"a b"`: {},
	} {
		m, err := ifMatch(http.Header{"If-Match": {field}})
		ok := err == nil
		if ok != want.wellFormed {
			t.Errorf("%q is well formed: %v", field, ok)
		}
		if !ok {
			continue
		}
		err = m.Allows(9)
		var revision *sale.RevisionError
		if (err == nil) != want.allowsNine || err != nil && !errors.As(err, &revision) {
			t.Errorf("%q allows revision 9: %v", field, err)
		}
	}
	if err := (operator.Match{}).Allows(9); err != nil {
		t.Errorf("an act without conditions: %v", err)
	}
}

func TestADigestIsOfMethodAddressAndBody(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{}
	for _, c := range [][3]string{
		{"POST", "/a", ""}, {"PUT", "/a", ""}, {"POST", "/b", ""}, {"POST", "/a?x", ""}, {"POST", "/a", "x"}, {"POST", "/ax", ""}, {"POST", "/a", "?x"},
	} {
		d := request.Digest(httptest.NewRequest(c[0], c[1], nil), []byte(c[2]))
		if other, ok := seen[d]; ok {
			t.Errorf("%q has the digest of %s", c, other)
		}
		seen[d] = strings.Join(c[:], " ")
	}
}

func TestAReasonIsPlainText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a mistake": true, "two\nlines\tand a tab": true, "é": true, strings.Repeat("é", request.MaxReason): true,
		"": false, strings.Repeat("x", request.MaxReason+1): false, "a\x00b": false, "\x1b[31m": false, "\xff": false,
	} {
		if got := request.PlainText(text, request.MaxReason); got != want {
			t.Errorf("%.20q is plain text: %v", text, got)
		}
	}
}

func TestAnAmendmentHasTheFieldsThatAreGiven(t *testing.T) {
	t.Parallel()
	to, err := amendment(request.Values{"endTime": "2026-01-01T10:00:00+02:00"}, &sale.Snapshot{Zone: "UTC"})
	if err != nil || to.StartsAt != nil || to.Total != nil || to.EndsAt == nil || to.EndsAt.Hour() != 8 {
		t.Errorf("%+v, %v", to, err)
	}
	to, err = amendment(request.Values{"accountPressRate": int64(3), "networkPressBurst": int64(1_000_000)}, &sale.Snapshot{Zone: "UTC"})
	if err != nil || *to.AccountRate != 3 || *to.NetworkBurst != 1_000_000 || to.AccountBurst != nil || to.NetworkRate != nil {
		t.Errorf("%+v, %v", to, err)
	}
	if to, err = amendment(request.Values{"message": " Back at noon "}, &sale.Snapshot{Zone: "UTC"}); err != nil || to.Message == nil || *to.Message != "Back at noon" {
		t.Errorf("%+v, %v", to, err)
	}
	for _, v := range []request.Values{{}, {"message": strings.Repeat("a", 201)}, {"message": "a\nb"}, {"accountPressRate": int64(0)}, {"networkPressRate": int64(1_000_001)}, {"stock": int64(-1)}, {"stock": int64(maxStock + 1)}, {"startTime": "tomorrow"}, {"startTime": "1999-12-31T23:59:59Z"}} {
		if _, err := amendment(v, &sale.Snapshot{Zone: "UTC"}); request.ProblemOf(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %v", v, err)
		}
	}
}

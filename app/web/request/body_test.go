package request

import (
	"errors"
	"testing"
)

func TestForms(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Values{
		"a=on&n=7":       {"a": true, "n": int64(7)},
		"a=false":        {"a": false},
		"n=-3":           {"n": int64(-3)},
		"other=1&n=9000": {"n": int64(9000)},
	} {
		got, err := decodeForm([]byte(body), Spec{"a": Flag, "n": Number})
		if err != nil || len(got) != len(want) || got["a"] != want["a"] || got["n"] != want["n"] {
			t.Errorf("%s: %v %v, want %v", body, got, err, want)
		}
	}
	for _, body := range []string{"a=maybe", "n=1.5", "n=1e3", "n=", "n=99999999999999999999"} {
		if _, err := decodeForm([]byte(body), Spec{"a": Flag, "n": Number}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

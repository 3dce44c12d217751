package request

import (
	"errors"
	"strings"
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

func TestWords(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"w":"a b"}`: "a b", `{"w":["a","b"]}`: "a b", `{"w":[ "\u0061" ]}`: "a", `{"w":[]}`: "",
	} {
		if got, err := decodeJSON([]byte(body), Spec{"w": Words}); err != nil || got["w"] != want {
			t.Errorf("%s: %v %v, want %q", body, got, err, want)
		}
	}
	for _, body := range []string{`{"w":[1]}`, `{"w":["a",null]}`, `{"w":[["a"]]}`, `{"w":{}}`, `{"w":1}`, `{"w":null}`} {
		_, err := decodeJSON([]byte(body), Spec{"w": Words})
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `like "read operate"`) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := decodeJSON([]byte(`{"w":["a"]}`), Spec{"w": Text}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a text takes a list: %v", err)
	}
}

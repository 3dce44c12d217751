package api

import (
	"errors"
	"testing"

	"flashsale/app/web/request"
)

// FuzzScanner: what the scanner accepts, the strict decoder reads the same way.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"username":"alice"}`, ` {"userId" : "a@b.c" } `, `{"userIdentifier":""}`, `{"username":"a\"b"}`,
		`{"username":"a","username":"b"}`, `{"username":"a"}}`, `{"username":"é"}`, `{"username":1}`, `{"user":"a"}`,
		"{\"username\":\"a\x7f\"}", "{\"username\":\"a\x00\"}", `{"username":"a",}`, `{}`, ``, `{"username":"a"`, "\ufeff{\"username\":\"a\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := request.DecodeBody(nil, body, purchaseSpec())
		if err != nil && !errors.Is(err, request.ErrInvalid) {
			t.Fatalf("%q: %v is no refusal", body, err)
		}
		quick, ok := scanName(body)
		if !ok {
			return
		}
		if err != nil {
			t.Fatalf("the scanner takes %q, the decoder says %v", body, err)
		}
		if slow, err := strictName(v); err != nil || slow != string(quick) {
			t.Fatalf("%q: the scanner reads %q, the decoder %q, %v", body, quick, slow, err)
		}
	})
}

func TestScannerTakesTheOrdinaryBody(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"username":"john_doe_1"}`, "{ \"userId\": \"john_doe_1\" }\n", `{"userIdentifier":"john_doe_1"}`} {
		if name, ok := scanName([]byte(body)); !ok || string(name) != "john_doe_1" {
			t.Errorf("%s was left to the decoder", body)
		}
	}
	for _, body := range []string{`{}`, " { }\n"} {
		if name, ok := scanName([]byte(body)); !ok || len(name) > 0 {
			t.Errorf("%s was left to the decoder", body)
		}
	}
	for _, body := range []string{`{}{}`, `{},`, `{`, `{}x`} {
		if _, ok := scanName([]byte(body)); ok {
			t.Errorf("%s was taken", body)
		}
	}
}

func BenchmarkScanName(b *testing.B) {
	body := []byte(`{"username":"john_doe_1"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := scanName(body); !ok {
			b.Fatal("not scanned")
		}
	}
}

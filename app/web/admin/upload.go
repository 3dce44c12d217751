package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
)

const (
	// maxUpload is the largest file that is read, in bytes.
	maxUpload = 16 << 20
	// maxUploads is how many files a process reads and works on at once.
	maxUploads = 2
	// mostLeft is how much of a file that is too large is read only to be thrown away, in bytes.
	mostLeft = 64 << 20
	// formRoom is what a form may have beside its file, in bytes.
	formRoom = 64 << 10
)

// uploaded is a file and the fields beside it.
type uploaded struct {
	file   []byte
	fields url.Values
}

// upload reads a request whose body is a file, or a form with one in the field of that name. A raw file has its fields in the query.
// The digest of the act is over the file too.
func (hs *Handlers) upload(c echo.Context, field string) (u uploaded, a operator.Act, err error) {
	r := c.Request()
	if deadline, ok := r.Context().Deadline(); ok {
		// The server's own limit is for small bodies. The error is for writers without deadlines, such as the recorder of a test.
		_ = http.NewResponseController(c.Response().Writer).SetReadDeadline(deadline)
	}
	header := r.Header.Clone()
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch coding := r.Header.Get("Content-Encoding"); {
	case err != nil, coding != "" && !strings.EqualFold(coding, "identity"):
		return u, a, request.ErrPictureType
	case r.ContentLength > maxUpload+formRoom:
		return u, a, request.ErrPictureTooLarge
	case media == "multipart/form-data":
		u, err = readForm(multipart.NewReader(io.LimitReader(r.Body, maxUpload+formRoom), params["boundary"]), field)
	case strings.HasPrefix(media, "image/"), media == "application/octet-stream":
		u.fields = url.Values{}
		u.file, err = readFile(r.Body, r.ContentLength)
	default:
		err = request.ErrPictureType
	}
	desk.KeepForm(c, u.fields)
	if err != nil {
		leave(c, err)
		return u, a, err
	}
	sum := sha256.Sum256(u.file)
	said := url.Values{field: {hex.EncodeToString(sum[:])}}
	for name, values := range u.fields {
		said[name] = values
	}
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, _, err = hs.conditioned(c, header, []byte(said.Encode()))
	return u, a, err
}

// readForm reads the parts of a form: one file in the field of that name, and short texts.
func readForm(form *multipart.Reader, field string) (uploaded, error) {
	u, there := uploaded{fields: url.Values{}}, false
	for {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u, broken(err)
		}
		switch name := part.FormName(); {
		case name == field && there:
			return u, request.BadField(field, "must be one file")
		case name == field:
			there = true
			u.file, err = readFile(part, 0)
		case u.fields.Has(name) || len(u.fields) >= 8:
			return u, request.BadField("body", "has a field twice, or too many fields")
		default:
			var text []byte
			text, err = io.ReadAll(io.LimitReader(part, request.MaxBody+1))
			if len(text) > request.MaxBody {
				return u, request.ErrTooLarge
			}
			u.fields.Set(name, string(text))
		}
		if err != nil {
			return u, broken(err)
		}
	}
	if !there || len(u.file) == 0 {
		return u, request.BadField(field, "is missing")
	}
	return u, nil
}

// leave reads the rest of a file that is too large, up to a limit: a browser shows no answer to what it could not send to its end.
func leave(c echo.Context, err error) {
	if errors.Is(err, request.ErrPictureTooLarge) && request.WantsPage(c.Request()) {
		_, _ = io.CopyN(io.Discard, c.Request().Body, mostLeft) // nobody needs it
	}
}

// readFile reads a file up to the limit. size is what the client says it has, 0 or less when it says nothing.
func readFile(from io.Reader, size int64) ([]byte, error) {
	file := make([]byte, 0, max(512, min(size+1, maxUpload+1)))
	for from = io.LimitReader(from, maxUpload+1); ; {
		if len(file) == cap(file) {
			file = append(file, 0)[:len(file)]
		}
		n, err := from.Read(file[len(file):cap(file)])
		file = file[:len(file)+n]
		switch {
		case len(file) > maxUpload:
			return nil, request.ErrPictureTooLarge
		case errors.Is(err, io.EOF):
			return file, nil
		case err != nil:
			return nil, broken(err)
		}
	}
}

// broken is a body that did not come to its end, or that is no form.
func broken(err error) error {
	if kind := (*request.Kind)(nil); errors.As(err, &kind) {
		return err
	}
	return request.BadField("body", "could not be read to its end")
}

package web

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/app/web/request"
)

func TestPurchaseBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", request.MaxBody)
	for name, c := range map[string]struct {
		body, contentType string
		want              string // the name that reaches the checkout
		status            int
		field             string // the field that a request.ReasonKind names
	}{
		"ours":                         {body: `{"username":"alice"}`, want: "alice"},
		"the original's":               {body: `{"userIdentifier":"alice"}`, want: "alice"},
		"the original's other":         {body: `{"userId":"alice@example.com"}`, want: "alice@example.com"},
		"blanks everywhere":            {body: " {\n\t\"username\" : \"alice\" }\r\n", want: "alice"},
		"escapes":                      {body: `{"username":"\u0061lice"}`, want: "alice"},
		"an escaped key":               {body: `{"\u0075sername":"alice"}`, want: "alice"},
		"folded and trimmed":           {body: `{"username":"  ALICE "}`, want: "alice"},
		"composed and folded":          {body: `{"username":"RENE\u0301"}`, want: "ren\u00e9"},
		"unknown keys":                 {body: `{"a":[1,{"b":null}],"username":"alice","z":1e9}`, want: "alice"},
		"aliases that agree":           {body: `{"username":"alice","userId":"alice"}`, want: "alice"},
		"no content type":              {body: `{"username":"alice"}`, contentType: "-", want: "alice"},
		"a charset":                    {body: `{"username":"alice"}`, contentType: "application/json; charset=UTF-8", want: "alice"},
		"a form":                       {body: `username=alice&x=1`, contentType: "application/x-www-form-urlencoded", want: "alice"},
		"a form of the original":       {body: `userIdentifier=al%69ce`, contentType: "application/x-www-form-urlencoded; charset=utf-8", want: "alice"},
		"exactly 4 KiB":                {body: `{"username":"alice"}` + strings.Repeat(" ", request.MaxBody-20), want: "alice"},
		"a key in another case":        {body: `{"Username":"alice"}`, status: 422, field: "username"},
		"no body":                      {body: "", status: 422, field: "username"},
		"blanks only":                  {body: " \n", status: 422, field: "username"},
		"no name":                      {body: `{}`, status: 422, field: "username"},
		"an empty name":                {body: `{"username":""}`, status: 422, field: "username"},
		"a blank name":                 {body: `{"username":" \t "}`, status: 422, field: "username"},
		"a number":                     {body: `{"username":7}`, status: 422, field: "username"},
		"null":                         {body: `{"userId":null}`, status: 422, field: "userId"},
		"an object":                    {body: `{"userIdentifier":{"a":1}}`, status: 422, field: "userIdentifier"},
		"the key twice":                {body: `{"username":"alice","username":"alice"}`, status: 422, field: "username"},
		"the key twice, escaped":       {body: `{"username":"alice","\u0075sername":"bob"}`, status: 422, field: "username"},
		"another key twice":            {body: `{"username":"alice","a":1,"a":2}`, status: 422, field: "a"},
		"a key twice inside":           {body: `{"username":"alice","a":{"b":1,"b":2}}`, status: 422, field: "a.b"},
		"aliases that differ":          {body: `{"username":"alice","userId":"bob"}`, status: 422, field: "userId"},
		"trailing data":                {body: `{"username":"alice"} {}`, status: 422, field: "body"},
		"a trailing brace":             {body: `{"username":"alice"}}`, status: 422, field: "body"},
		"an array":                     {body: `["alice"]`, status: 422, field: "body"},
		"a string":                     {body: `"alice"`, status: 422, field: "body"},
		"half of it":                   {body: `{"username":"ali`, status: 422, field: "username"},
		"a single quote":               {body: `{'username':'alice'}`, status: 422, field: "body"},
		"not UTF-8":                    {body: "{\"username\":\"ali\xff\"}", status: 422, field: "username"},
		"half a surrogate":             {body: `{"username":"\ud800"}`, status: 422, field: "username"},
		"a control character":          {body: `{"username":"ali\u0000ce"}`, status: 422, field: "username"},
		"a raw line break":             {body: "{\"username\":\"ali\nce\"}", status: 422, field: "username"},
		"101 characters":               {body: `{"username":"` + strings.Repeat("a", 101) + `"}`, status: 422, field: "username"},
		"an address of 255":            {body: `{"username":"a@` + strings.Repeat("b", 253) + `"}`, status: 422, field: "username"},
		"an unfinished form":           {body: `username=%`, contentType: "application/x-www-form-urlencoded", status: 422, field: "body"},
		"a form with the field twice":  {body: `username=a&username=a`, contentType: "application/x-www-form-urlencoded", status: 422, field: "username"},
		"a form that is not UTF-8":     {body: `username=%ff`, contentType: "application/x-www-form-urlencoded", status: 422, field: "username"},
		"a form whose aliases differ":  {body: `username=a&userId=b`, contentType: "application/x-www-form-urlencoded", status: 422, field: "userId"},
		"over 4 KiB":                   {body: `{"username":"` + long + `"}`, status: 413},
		"over 4 KiB of blanks":         {body: `{"username":"alice"}` + long, status: 413},
		"plain text":                   {body: `{"username":"alice"}`, contentType: "text/plain", status: 415},
		"a multipart form":             {body: `x`, contentType: "multipart/form-data; boundary=x", status: 415},
		"another charset":              {body: `{"username":"alice"}`, contentType: "application/json; charset=utf-16", status: 415},
		"a content type that is none":  {body: `{"username":"alice"}`, contentType: "json;;", status: 415},
		"nested too deeply":            {body: strings.Repeat("[", 4000), status: 422, field: "body"},
		"a hostile key does no damage": {body: `{"username":1,"<script>":1}`, status: 422, field: "username"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			fields := []string{}
			if c.contentType != "" {
				fields = append(fields, "Content-Type: "+c.contentType)
			}
			res := w.send(t, "POST", "/api/flash-sale/purchase", c.body, fields...)
			if c.status == 0 {
				if res.StatusCode != http.StatusCreated || len(w.checkout.requests) != 1 || w.checkout.requests[0].Name != c.want {
					t.Fatalf("%d %s, the checkout was asked %+v, want %q", res.StatusCode, res.raw, w.checkout.requests, c.want)
				}
				return
			}
			names := map[int]string{413: "too-large", 415: "media-type", 422: "invalid-request"}
			res.problem(t, c.status, names[c.status])
			res.has(t, map[string]any{"timestamp": "2026-01-01T12:00:00.000Z", "version": 57})
			if w.checkout.asks() != 0 {
				t.Error("a bad body reached the checkout")
			}
			if strings.Contains(w.logged.String(), `"level":"ERROR"`) {
				t.Error("a bad body was logged as an error")
			}
			if c.field != "" && firstField(res) != c.field {
				t.Errorf("names %q, want %q: %s", firstField(res), c.field, res.raw)
			}
		})
	}
}

// firstField is the field that a problem names.
func firstField(r reply) string {
	list, _ := r.json["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	name, _ := first["field"].(string)
	return name
}

func TestGzippedBodyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(t, "POST", "/api/flash-sale/purchase", `{"username":"alice"}`, "Content-Encoding: gzip").problem(t, 415, "media-type")
	if w.checkout.asks() != 0 {
		t.Error("the body reached the checkout")
	}
}

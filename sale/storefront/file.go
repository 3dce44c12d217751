package storefront

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile is the largest file that describes a brand, in bytes.
const maxFile = 64 << 10

// known is the fields that a file may have; those with a list are objects. The texts are named for the status of a sale.
//
//nolint:gochecknoglobals // a table that nobody changes
var known = map[string][]string{
	"name": nil, "accent": nil, "surface": nil, "ink": nil, "accentText": nil, "font": nil, "logo": nil, "icon": nil, "share": nil,
	"links": {"terms", "privacy", "returns", "contact"},
	"texts": {"upcoming", "active", "sold-out", "paused", "ended"},
}

// Read makes a brand of a JSON document. Its pictures are files of dir. The error is one sentence that names the field.
func Read(document []byte, dir fs.FS) (*Brand, error) {
	in, err := fields(document)
	if err != nil {
		return nil, err
	}
	b, err := fromFields(in)
	if err != nil {
		return nil, err
	}
	for _, field := range []string{"logo", "icon", "share"} {
		name, there := in[field]
		if !there {
			continue
		}
		p, err := readPicture(field, name, dir)
		if err != nil {
			return nil, err
		}
		b.set(p)
	}
	return b, nil
}

// set puts a picture into its place.
func (b *Brand) set(p *Picture) {
	switch p.Name {
	case "logo":
		b.Logo = p
	case "icon":
		b.Icon = p
	case "share":
		b.Share = p
	}
}

// Pictures are those that the brand has.
func (b *Brand) Pictures() []*Picture {
	var all []*Picture
	for _, p := range []*Picture{b.Logo, b.Icon, b.Share} {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// String is the brand as a file has it, without its pictures.
//
// Nothing in it can fail to be encoded.
func (b *Brand) String() string {
	links, texts := map[string]string{}, map[string]string{}
	out := map[string]any{"name": b.Name, "links": links, "texts": texts}
	for _, one := range b.colours() {
		if *one.c != nil {
			out[one.field] = (*one.c).String()
		}
	}
	if b.Font != nil {
		out["font"] = b.Font.Name
	}
	for _, link := range b.Links {
		links[link.Name] = link.Address
	}
	for state, text := range b.texts {
		texts[string(state)] = text
	}
	raw, _ := json.Marshal(out)
	return string(raw)
}

// fields reads a document into its texts by name, "links.terms" for one in an object. The standard decoder would take unknown fields,
// other spellings of known ones, and the last of two.
func fields(document []byte) (map[string]string, error) {
	if len(document) > maxFile {
		return nil, fmt.Errorf("the file has %d bytes; it must have at most %d", len(document), maxFile)
	}
	if !utf8.Valid(document) {
		return nil, errors.New("the file must be JSON in UTF-8")
	}
	d, out := json.NewDecoder(bytes.NewReader(document)), map[string]string{}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the file must be one JSON object")
	}
	if err := object(d, "", out); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file must be one JSON object, and something follows it")
	}
	return out, nil
}

// object reads what follows the opening brace of an object, with the closing one.
func object(d *json.Decoder, within string, out map[string]string) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return broken(err)
		}
		name, _ := t.(string)
		if err := expected(within, name, seen); err != nil {
			return err
		}
		if t, err = d.Token(); err != nil {
			return broken(err)
		}
		if err := value(d, within, name, t, out); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return broken(err)
	}
	return nil
}

// value reads a text, or an object where there is to be one.
func value(d *json.Decoder, within, name string, t json.Token, out map[string]string) error {
	if within == "" && known[name] != nil {
		if t != json.Delim('{') {
			return fmt.Errorf("%s must be an object with %s", name, strings.Join(known[name], ", "))
		}
		return object(d, name+".", out)
	}
	text, ok := t.(string)
	if !ok {
		return fmt.Errorf("%s%s must be a text in quotes", within, name)
	}
	out[within+name] = text
	return nil
}

// expected refuses a field that is unknown, or there twice.
func expected(within, name string, seen map[string]bool) error {
	_, there := known[name]
	if within != "" {
		there = slices.Contains(known[strings.TrimSuffix(within, ".")], name)
	}
	switch {
	case !there:
		return fmt.Errorf("%s%.40s is no field of a brand", within, name)
	case seen[name]:
		return fmt.Errorf("%s%s is there twice", within, name)
	}
	seen[name] = true
	return nil
}

func broken(err error) error { return fmt.Errorf("the file is no correct JSON: %w", err) }

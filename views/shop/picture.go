package shop

import "strings"

// srcset is the sizes of a picture for a browser to choose from, and empty when there is only one.
func (p Picture) srcset() string {
	if len(p.Sources) < 2 {
		return ""
	}
	list := make([]string, 0, len(p.Sources))
	for _, s := range p.Sources {
		list = append(list, s.URL+" "+digits(int64(s.Width))+"w")
	}
	return strings.Join(list, ", ")
}

// smallest is the address of the smallest size.
func (p Picture) smallest() string {
	if len(p.Sources) > 0 {
		return p.Sources[0].URL
	}
	return p.URL
}

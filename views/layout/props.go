package layout

// Assets are the addresses of what every page loads.
type Assets struct {
	Style, Script, HTMX, HTMXStream, Icon string
}

// Problem is a page or a fragment that says why a request was not answered.
type Problem struct {
	Status        int
	Title, Detail string
}

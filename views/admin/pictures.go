package admin

// Pictures is the page of the pictures of a sale's product.
type Pictures struct {
	Desk
	Slug, Name string
	// Key begins the key of each form, and Revision is the sale that they were made for.
	Key, Revision string
	Pictures      []Picture
	// Other is how many pictures there are that nobody uploaded. The first that is uploaded takes their place.
	Other int
	// Most is how many there can be, and MaxBytes how large a file.
	Most     int
	MaxBytes int64
	// File and Text are the fields of the upload.
	File, Text Input
}

// Picture is one of them.
type Picture struct {
	ID, URL string
	// Alt says what it shows; Text is the field for that.
	Alt  string
	Text Input
	// Size is how large it is, in words; empty: that is not known.
	Size string
	// Up and Down are the orders that move it; empty: it cannot move that way.
	Up, Down string
}

// RemovePicture is the step before a picture is taken away.
type RemovePicture struct {
	Desk
	Slug, Name    string
	Key, Revision string
	Picture       Picture
	// Main is true for the picture that stands first.
	Main bool
}

func picturesPath(slug string) string { return salePath(slug) + "/pictures" }

func picturesAct(slug string) string { return "/api/admin/sales/" + slug + "/pictures" }

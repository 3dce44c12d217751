package operator

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/sale/storefront"
)

// PictureChange is what an act on the pictures of a sale's product did.
type PictureChange struct {
	sale.Change
	// Picture is the one that the act was about; without an id when it was about their order.
	Picture sale.Image `json:"picture"`
	// Pictures are those that the product has now, the main one first.
	Pictures []sale.Image `json:"pictures"`
}

// pictured is what the audit log says of an act on a picture.
type pictured struct {
	ID string `json:"id"`
	// Alt is the text of the picture.
	Alt string `json:"alt,omitempty"`
	// Sizes and Bytes are of a picture that was added.
	Sizes []string `json:"sizes,omitempty"`
	Bytes int      `json:"bytes,omitempty"`
}

// Pictures are those that operators gave the product of a sale, the main one first. An empty slug means the current sale.
func (o *Acts) Pictures(ctx context.Context, slug string) (list []sale.Image, err error) {
	err = pgx.BeginTxFunc(ctx, o.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		images, err := o.sales.ImagesTx(ctx, tx, slug)
		list = images.Uploaded()
		return err
	})
	return list, err
}

// AddPicture gives the product of a sale one more picture, made of a file of any kind that storefront.NewProductPicture reads. alt says
// what it shows. A picture that the product has already stays as it is, and nothing is recorded. Pictures are decoded one after the
// other. Errors: *sale.PictureError, and those of an act.
func (o *Acts) AddPicture(ctx context.Context, a Act, slug string, file []byte, alt string) (PictureChange, error) {
	made, err := o.decode(ctx, file)
	if err != nil {
		return PictureChange{}, err
	}
	said := pictured{ID: made.ID, Alt: alt, Bytes: made.Weight()}
	for _, s := range made.Sizes {
		said.Sizes = append(said.Sizes, fmt.Sprintf("%d x %d, %s", s.Width, s.Height, s.Kind))
	}
	return o.changePictures(ctx, a, slug, pictureAct{
		record: audit.Entry{Action: "picture.add", Detail: said}, id: made.ID, adds: true,
		first:  func(ctx context.Context, tx pgx.Tx) error { return o.brand.KeepPictureTx(ctx, tx, made) },
		change: func(images sale.Images) (sale.Images, error) { return images.With(made.Image(alt)) },
	})
}

// decode makes a picture of a file. A picture needs much memory while it is made, so there is one at a time.
func (o *Acts) decode(ctx context.Context, file []byte) (*storefront.ProductPicture, error) {
	select {
	case o.decoding <- struct{}{}:
		defer func() { <-o.decoding }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another picture: %w", ctx.Err())
	}
	return storefront.NewProductPicture(file)
}

// RemovePicture takes a picture away from the product of a sale, and deletes it when no other sale shows it. Error: sale.ErrNoPicture.
func (o *Acts) RemovePicture(ctx context.Context, a Act, slug, id string) (PictureChange, error) {
	done, err := o.changePictures(ctx, a, slug, pictureAct{
		record: audit.Entry{Action: "picture.remove", Detail: pictured{ID: id}}, id: id,
		first:  func(ctx context.Context, tx pgx.Tx) error { return o.brand.LockPictureTx(ctx, tx, id) },
		change: func(images sale.Images) (sale.Images, error) { return images.Without(id) },
		last:   func(ctx context.Context, tx pgx.Tx) error { return o.forgetUnused(ctx, tx, id) },
	})
	if err == nil && o.pictures != nil {
		o.pictures.Forget(id)
	}
	return done, err
}

func (o *Acts) forgetUnused(ctx context.Context, tx pgx.Tx, id string) error {
	used, err := o.sales.PictureUsedTx(ctx, tx, id)
	if err != nil || used {
		return err
	}
	return o.brand.ForgetPictureTx(ctx, tx, id)
}

// DescribePicture changes the text that says what a picture shows. Errors: sale.ErrNoPicture, *sale.PictureError.
func (o *Acts) DescribePicture(ctx context.Context, a Act, slug, id, alt string) (PictureChange, error) {
	return o.changePictures(ctx, a, slug, pictureAct{
		record: audit.Entry{Action: "picture.describe", Detail: pictured{ID: id, Alt: alt}}, id: id,
		change: func(images sale.Images) (sale.Images, error) { return images.Described(id, alt) },
	})
}

// ArrangePictures puts the pictures of a product into another order, which names each of them. The first becomes the main picture.
// Error: *sale.PictureError.
func (o *Acts) ArrangePictures(ctx context.Context, a Act, slug string, order []string) (PictureChange, error) {
	return o.changePictures(ctx, a, slug, pictureAct{
		record: audit.Entry{Action: "picture.arrange", Detail: map[string][]string{"order": order}},
		change: func(images sale.Images) (sale.Images, error) { return images.Arranged(order) },
	})
}

// pictureAct is what differs from one act on pictures to another.
type pictureAct struct {
	record audit.Entry
	// id is the picture that the act is about, or empty.
	id string
	// adds is true for an act that does nothing when the picture is there.
	adds bool
	// first runs before the sale is locked: who locks a picture does it before. May be nil, as last.
	first, last func(context.Context, pgx.Tx) error
	change      func(sale.Images) (sale.Images, error)
}

// changePictures carries out an act on the pictures of a sale's product, and shows its result on this process.
func (o *Acts) changePictures(ctx context.Context, a Act, slug string, do pictureAct) (PictureChange, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (done PictureChange, record audit.Entry, err error) {
		if do.first != nil {
			if err := do.first(ctx, tx); err != nil {
				return done, record, err
			}
		}
		var before []sale.Image
		changed := false
		done.Change, record, err = o.changeTx(ctx, tx, a, slug, do.record, func(slug string) error {
			before, changed, err = o.picturesTx(ctx, tx, slug, do, &done)
			return err
		})
		if err != nil || !changed {
			return done, audit.Entry{}, err
		}
		record, err = saying(record, pictureState(before), pictureState(done.Pictures))
		return done, record, err
	})
	if first {
		o.refresh(ctx, &done.Change)
	}
	return done, err
}

// picturesTx changes the pictures, under the lock of the sale, and returns those before. It is false when they are as they were.
func (o *Acts) picturesTx(ctx context.Context, tx pgx.Tx, slug string, do pictureAct, done *PictureChange) (had []sale.Image, changed bool, err error) {
	before, err := o.sales.ImagesTx(ctx, tx, slug)
	if err != nil {
		return nil, false, err
	}
	had = before.Uploaded()
	after, err := do.change(before)
	if err != nil {
		return had, false, err
	}
	done.Pictures = after.Uploaded()
	var there bool
	if done.Picture, there = after.Picture(do.id); !there {
		done.Picture, _ = before.Picture(do.id)
	}
	if _, is := before.Picture(do.id); is && do.adds {
		return had, false, nil
	}
	if err := o.sales.SetImagesTx(ctx, tx, slug, after); err != nil || do.last == nil {
		return had, true, err
	}
	return had, true, do.last(ctx, tx)
}

package instance

import (
	"bytes"
	"image/color"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashsale/app/instance/instancetest"
)

// What a brand says of one sale is set on one instance, shown by the other, copied with the sale, and kept by receipts as it was.
func TestTheTextsOfASaleGoWithIt(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	c, other := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	now := time.Now()
	r := c.Call(http.MethodPost, "/api/admin/sales", map[string]any{
		"slug": "winter", "name": "Coat", "priceMinor": 19900, "currency": "EUR", "stock": 5, "startTime": stamp(now.Add(-time.Minute)), "endTime": stamp(now.Add(time.Hour)),
		"details": []string{"warm"}, "specification": "Weight: 1.2 kg", "importantInfo": []string{"https://example.com/terms-1"}, "textActive": "One each.", "accountPressRate": 3,
	})
	if r.Is(t, http.StatusCreated, ""); r.Number("accountPressRate") != 3 {
		t.Errorf("made: %s", r.Raw)
	}
	c.Act(http.MethodPost, "/api/admin/sales/winter/schedule", map[string]any{}, "If-Match: *").Is(t, http.StatusOK, "")
	if r := c.Call(http.MethodPost, "/api/sales/winter/purchase", map[string]string{"username": "john_doe_1"}); r.Status != http.StatusCreated && r.Status != http.StatusAccepted {
		t.Fatalf("buy: %s", r.Raw)
	}
	c.Act(http.MethodPatch, "/api/admin/sales/winter", map[string]any{"importantInfo": []string{"https://example.com/terms-2"}, "textPaused": "Back soon.", "textActive": "Last ones."}, "If-Match: *").Is(t, http.StatusOK, "")
	instancetest.Eventually(t, "the other instance shows the texts", func() bool {
		page := other.Call(http.MethodGet, "/api/sales/winter/product", nil)
		return strings.Contains(page.Raw, "terms-2") && strings.Contains(page.Raw, "1.2 kg") && strings.Contains(page.Raw, "warm")
	})
	if r := other.Call(http.MethodGet, "/api/admin/sales/winter", nil); !strings.Contains(r.Raw, `"active":"Last ones."`) || !strings.Contains(r.Raw, `"paused":"Back soon."`) {
		t.Errorf("the other instance knows %s", r.Raw)
	}
	c.Act(http.MethodPatch, "/api/admin/sales/winter", map[string]any{"textPaused": ""}, "If-Match: *").Is(t, http.StatusOK, "")
	copied := c.Act(http.MethodPost, "/api/admin/sales/winter/duplicate", map[string]any{"slug": "winter-2"})
	if copied.Is(t, http.StatusCreated, ""); !strings.Contains(copied.Raw, `"texts":{"active":"Last ones."}`) {
		t.Errorf("the copy says %s", copied.Raw)
	}
	var id string
	var kept []string
	if err := d.pool(t).QueryRow(t.Context(), `SELECT o.id, array(SELECT jsonb_array_elements_text(r.important_info)) FROM orders o JOIN sales s ON s.id = o.sale_id
		JOIN product_revisions r ON r.sale_id = o.sale_id AND r.revision = o.product_revision WHERE s.slug = 'winter'`).Scan(&id, &kept); err != nil {
		t.Fatal(err)
	}
	if len(kept) != 1 || kept[0] != "https://example.com/terms-1" {
		t.Errorf("the receipt of then says %q", kept)
	}
}

// A browser that sends a file that is too large gets the page with the reason, and no broken connection.
func TestALargePictureIsRefusedOnItsPage(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("alt", "too large")
	part, _ := form.CreateFormFile("picture", "large.png")
	_, _ = part.Write(make([]byte, 40<<20))
	_ = form.Close()
	r := upload(t, c, picturesPath, form.FormDataContentType(), &body, "Accept: text/html")
	if r.Status != http.StatusRequestEntityTooLarge || !strings.Contains(r.Raw, `id="picture-error"`) || !strings.Contains(r.Raw, "larger than 16 MB") {
		t.Errorf("%d %s", r.Status, r.Raw)
	}
	again := upload(t, c, picturesPath, "image/jpeg", bytes.NewReader(photo(t, 400, 300, color.Black)), "Accept: text/html")
	if again.Status != http.StatusSeeOther || again.Header.Get("Location") != "/admin/sales/flash-sale/pictures?done=added" {
		t.Errorf("a good one after it: %d %v", again.Status, again.Header)
	}
}

package view

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
)

//go:embed static/page.css static/page.js static/icon.svg
var static embed.FS

//go:embed static/page.gohtml
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// serveStatic serves the page's files with a tag of their content, so that a
// browser asks each time and rarely has to load.
func serveStatic() http.Handler {
	files := http.FileServerFS(static)
	tags := map[string]string{}
	for _, name := range []string{"page.css", "page.js", "icon.svg"} {
		b, err := static.ReadFile(path.Join("static", name))
		if err != nil {
			panic(err) // embedded above
		}
		sum := sha256.Sum256(b)
		tags["/static/"+name] = `"` + hex.EncodeToString(sum[:8]) + `"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		tag, ok := tags[req.URL.Path]
		if !ok {
			refuse(w, req, http.StatusNotFound, "no such file")
			return
		}
		w.Header().Set("ETag", tag)
		files.ServeHTTP(w, req)
	})
}

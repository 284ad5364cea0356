package main

var httpShapes = file{
	pkg:     "trace",
	imports: []string{"bufio", "io", "net", "net/http"},
	families: []family{{
		name: "writer", base: "recorder", result: "http.ResponseWriter",
		doc: "// writerWithShape returns w as the type whose optional interfaces are those of s.",
		capabilities: []capability{
			{"F", "func (w NAME) Flush() { w.flush() }\nfunc (w NAME) FlushError() error { return w.flushError() }\n"},
			{"H", "func (w NAME) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }\n"},
			{"R", "func (w NAME) ReadFrom(r io.Reader) (int64, error) { return w.readFrom(r) }\n"},
			{"P", "func (w NAME) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }\n"},
			{"C", "func (w NAME) CloseNotify() <-chan bool { return w.closeNotify() }\n"},
		},
	}},
}

'use strict';
// Each server's two heat maps: time to the right, duration upwards by powers of
// two, and the logarithm of the number of requests as colour.
(() => {
  const maps = JSON.parse(document.getElementById('maps').textContent);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  // Cividis, which colour-blind eyes see as others do: away from the paper is more.
  const cividis = [[0, 34, 78], [40, 62, 108], [86, 92, 108], [124, 123, 120], [166, 157, 117], [212, 194, 94], [254, 232, 56]];
  const gap = { left: 64, right: 8, top: 6, bottom: 22 };

  const colour = (share) => {
    const at = (dark.matches ? share : 1 - share) * (cividis.length - 1);
    const low = Math.min(Math.floor(at), cividis.length - 2);
    return 'rgb(' + cividis[low].map((v, i) => Math.round(v + (cividis[low + 1][i] - v) * (at - low))).join(' ') + ')';
  };
  const units = [['s', 1e9], ['ms', 1e6], ['µs', 1e3], ['ns', 1]];
  const duration = (ns) => {
    const [name, size] = units.find(([, size]) => ns >= size) || units[3];
    return Number((ns / size).toPrecision(3)) + ' ' + name;
  };
  const seconds = (s) => Number(s.toFixed(2)) + ' s';

  // cellsOf sums the chosen command's cells, or all, of a phase.
  const cellsOf = (map, phase, command) => map.intervals.map((interval) => {
    const sum = new Map();
    interval[phase].forEach((rows, i) => {
      if (command >= 0 && i !== command) return;
      for (const [row, n] of rows) sum.set(row, (sum.get(row) || 0) + n);
    });
    return sum;
  });

  // fit gives a canvas as many pixels as it has on the screen.
  const fit = (canvas) => {
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const pen = canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    return pen;
  };

  class Heat {
    constructor(canvas, map, say) {
      Object.assign(this, { canvas, map, say, phase: canvas.dataset.phase, cursor: null });
      canvas.addEventListener('pointermove', (e) => this.point(e.offsetX, e.offsetY));
      canvas.addEventListener('pointerleave', () => this.choose(null));
      canvas.addEventListener('keydown', (e) => this.key(e));
    }

    // show draws the command; low to high are the rows that both maps share.
    show(cells, low, high, most) {
      Object.assign(this, { cells, low, high, most });
      this.draw();
    }

    x(s) { return gap.left + (s - this.from) / (this.to - this.from) * this.wide; }
    y(row) { return gap.top + (this.high + 1 - row) / (this.high + 1 - this.low) * this.tall; }

    draw() {
      const pen = fit(this.canvas), { map } = this;
      const last = map.intervals[map.intervals.length - 1];
      this.from = map.intervals[0].at;
      this.to = last.at + last.seconds;
      this.wide = this.canvas.clientWidth - gap.left - gap.right;
      this.tall = this.canvas.clientHeight - gap.top - gap.bottom;
      pen.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
      this.axes(pen);
      this.cells.forEach((rows, i) => {
        const left = this.x(map.intervals[i].at), right = this.x(map.intervals[i].at + map.intervals[i].seconds);
        for (const [row, n] of rows) {
          pen.fillStyle = colour(this.most > 1 ? .08 + .92 * Math.log(n) / Math.log(this.most) : 1);
          pen.fillRect(left, this.y(row + 1), Math.max(1, right - left - (right - left > 4 ? .5 : 0)), Math.max(1, this.y(row) - this.y(row + 1) - .5));
        }
      });
      if (this.cursor) {
        const { column, row } = this.cursor, at = map.intervals[column];
        pen.strokeStyle = getComputedStyle(document.body).color;
        pen.lineWidth = 2;
        pen.strokeRect(this.x(at.at) - 1, this.y(row + 1) - 1, this.x(at.at + at.seconds) - this.x(at.at) + 2, this.y(row) - this.y(row + 1) + 2);
      }
    }

    axes(pen) {
      pen.font = '11px system-ui, sans-serif';
      const style = getComputedStyle(this.canvas);
      pen.fillStyle = style.color;
      pen.strokeStyle = style.borderTopColor;
      pen.lineWidth = 1;
      pen.textAlign = 'right';
      pen.textBaseline = 'middle';
      const every = Math.max(2, Math.ceil((this.high + 1 - this.low) * 18 / this.tall / 2) * 2);
      for (let row = Math.ceil(this.low / 2) * 2; row <= this.high + 1; row += every) {
        const y = Math.round(this.y(row)) + .5;
        pen.beginPath();
        pen.moveTo(gap.left, y);
        pen.lineTo(gap.left + this.wide, y);
        pen.stroke();
        if (row < this.map.rows.length) pen.fillText(duration(this.map.rows[row]), gap.left - 6, y);
      }
      pen.textAlign = 'center';
      pen.textBaseline = 'top';
      const span = this.to - this.from, step = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400].find((s) => span / s <= this.wide / 70) || span;
      for (let s = Math.ceil(this.from / step) * step; s <= this.to; s += step) {
        pen.fillText(seconds(s), Math.min(Math.max(this.x(s), gap.left), gap.left + this.wide - 12), gap.top + this.tall + 6);
      }
    }

    point(x, y) {
      const s = this.from + (x - gap.left) / this.wide * (this.to - this.from);
      const column = this.map.intervals.findIndex((i) => s >= i.at && s < i.at + i.seconds);
      const row = Math.floor(this.high + 1 - (y - gap.top) / this.tall * (this.high + 1 - this.low));
      this.choose(column >= 0 && row >= this.low && row <= this.high ? { column, row } : null);
    }

    key(e) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (e.key === 'Escape') this.choose(null);
      if (!step) return;
      e.preventDefault();
      const at = this.cursor || { column: 0, row: this.low };
      if (this.cursor) {
        at.column = Math.min(Math.max(at.column + step[0], 0), this.cells.length - 1);
        at.row = Math.min(Math.max(at.row + step[1], this.low), this.high);
      }
      this.choose(at);
    }

    choose(cursor) {
      this.cursor = cursor;
      this.draw();
      if (!cursor) return;
      const at = this.map.intervals[cursor.column], n = this.cells[cursor.column].get(cursor.row) || 0;
      const next = this.map.rows[cursor.row + 1];
      this.say(`${this.phase}: ${n} requests of ${duration(this.map.rows[cursor.row])} to ${next ? duration(next) : 'longer'}, ${seconds(at.at)} to ${seconds(at.at + at.seconds)}`);
    }
  }

  const setUp = (box) => {
    const map = maps[Number(box.dataset.server)];
    const select = box.querySelector('.choose'), status = box.querySelector('.cell');
    map.commands.forEach((name, i) => select.add(new Option(name, i)));
    const heats = [...box.querySelectorAll('.heat')].map((c) => new Heat(c, map, (text) => { status.textContent = text; }));
    const show = () => {
      const command = Number(select.value);
      const cells = heats.map((h) => cellsOf(map, h.phase, command));
      let low = Infinity, high = -Infinity, most = 1;
      for (const rows of cells.flat()) {
        for (const [row, n] of rows) {
          low = Math.min(low, row);
          high = Math.max(high, row);
          most = Math.max(most, n);
        }
      }
      if (low > high) [low, high] = [18, 40];
      heats.forEach((h, i) => h.show(cells[i], Math.max(0, low - 1), Math.min(map.rows.length - 1, high + 1), most));
      const scale = box.querySelector('.scale'), pen = fit(scale);
      for (let i = 0; i < scale.clientWidth; i++) {
        pen.fillStyle = colour(.08 + .92 * i / (scale.clientWidth - 1));
        pen.fillRect(i, 0, 1, scale.clientHeight);
      }
      box.querySelector('.most').textContent = most.toLocaleString('en');
    };
    select.addEventListener('change', show);
    dark.addEventListener('change', show);
    new ResizeObserver(show).observe(box);
    show();
  };
  document.querySelectorAll('.maps').forEach(setUp);
})();

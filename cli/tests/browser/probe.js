// Measures the page, and puts what it found in place of it.
const colour = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = getComputedStyle(at).backgroundColor;
    if (found !== 'rgba(0, 0, 0, 0)') return found;
  }
  return 'rgb(255, 255, 255)';
};
// The luminance of a colour, and the contrast of two (Web Content Accessibility Guidelines 2.2).
const luminance = (text) => {
  const [r, g, b] = text.match(/[\d.]+/g).slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (element) => {
  const of = [luminance(getComputedStyle(element).color), luminance(colour(element))];
  return (Math.max(...of) + 0.05) / (Math.min(...of) + 0.05);
};
const texts = ['h1', 'h2', '.where', '.note', '.bucket', '.why', '.reasons', '.reasons a', 'td.state', '.abandoned td.state', '.tick', '.left-out', '.planned'];
const rows = [...document.querySelectorAll('table.nodes tbody tr')].map((row) => {
  const chart = row.querySelector('td.chart').getBoundingClientRect();
  const bars = [...row.querySelectorAll('rect')].map((bar) => {
    const at = bar.getBoundingClientRect();
    return { phase: bar.getAttribute('class'), left: at.left, right: at.right, width: at.width, height: at.height,
      colour: getComputedStyle(bar).fill, title: bar.querySelector('title').textContent };
  });
  return { id: row.id, state: row.className, height: row.getBoundingClientRect().height, left: chart.left, right: chart.right, bars,
    why: row.querySelector('.why')?.textContent ?? null };
});
const first = document.querySelector('summary');
const details = first?.closest('details');
let keyboard = null;
if (first) {
  first.focus();
  const focused = document.activeElement === first;
  const row = details.closest('tr');
  const closed = row.getBoundingClientRect().height;
  first.click();
  const open = row.getBoundingClientRect().height;
  keyboard = { focused, tabIndex: first.tabIndex, closed, open, story: details.querySelectorAll('.story li').length };
  first.click();
}
scrollTo(0, document.body.scrollHeight / 2);
const heading = document.querySelector('.nodes thead th')?.getBoundingClientRect().top ?? null;
const found = {
  title: document.title,
  viewport: document.documentElement.clientWidth,
  width: document.documentElement.scrollWidth,
  height: document.documentElement.scrollHeight,
  background: colour(document.body),
  requests: performance.getEntriesByType('resource').length,
  heading,
  rows,
  keyboard,
  addresses: document.querySelectorAll('table.addresses tbody tr').length,
  charts: [...document.querySelectorAll('.plot svg')].map((svg) => svg.getBoundingClientRect().height),
  contrasts: Object.fromEntries(texts.flatMap((text) => {
    const element = document.querySelector(text);
    return element ? [[text, contrast(element)]] : [];
  })),
};
document.head.replaceChildren();
document.body.textContent = JSON.stringify(found);

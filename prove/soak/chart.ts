/** A soak as a picture: what the process held, over time. */
import { WATCHED, type SoakResult } from './soak.js'

interface Colors {
  ours: string
  bound: string
  text: string
  faint: string
  grid: string
  background: string
}

/** A vega-lite spec: one panel above the other for each thing that is watched. */
export function chartOf(result: SoakResult, subtitle: string, colors: Colors): object {
  const axis = { labelColor: colors.text, gridColor: colors.grid, titleColor: colors.faint }
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: colors.background,
    padding: 16,
    title: {
      text: 'What the process holds while it soaks',
      subtitle,
      anchor: 'start',
      frame: 'group',
      offset: 14
    },
    config: {
      aria: false,
      font: '-apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
      view: { stroke: null },
      title: {
        color: colors.text,
        fontSize: 16,
        subtitleColor: colors.faint,
        subtitleFontSize: 12,
        subtitlePadding: 6
      },
      axis: {
        ...axis,
        domain: false,
        ticks: false,
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 'normal'
      }
    },
    spacing: 18,
    vconcat: Object.entries(WATCHED).map(([name, { title }], i, all) => ({
      width: 640,
      height: 90,
      title: { text: title, anchor: 'start', fontSize: 12, fontWeight: 'normal', offset: 6 },
      layer: [
        {
          data: { values: [{ from: 0, to: result.warm }] },
          mark: { type: 'rect', color: colors.grid, opacity: 0.5 },
          encoding: { x: { field: 'from', type: 'quantitative' }, x2: { field: 'to' } }
        },
        {
          data: { values: result.samples },
          mark: { type: 'line', color: colors.ours, strokeWidth: 1.5 },
          encoding: {
            x: {
              field: 'at',
              type: 'quantitative',
              title:
                i === all.length - 1
                  ? 'seconds; the first fifth is warm-up; dots: after a collection, which is what is judged'
                  : null,
              scale: { nice: false }
            },
            y: {
              field: name,
              type: 'quantitative',
              title: null,
              axis: { tickCount: 3 },
              scale: { zero: true }
            }
          }
        },
        {
          data: { values: result.samples.filter(({ collected }) => collected) },
          mark: { type: 'circle', color: colors.bound, size: 28, opacity: 1 },
          encoding: { x: { field: 'at', type: 'quantitative' }, y: { field: name, type: 'quantitative' } }
        }
      ]
    }))
  }
}

declare const streamx: unknown
export = streamx

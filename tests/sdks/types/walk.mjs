// node walk.mjs ROOTS.json: every place of an SDK's types that can hold a string, as a line of JSON: the root's number in ROOTS.json and the
// path, written as the tables of fields write theirs: "messages[].content[]<text>.text".
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const roots = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// What a client gives the SDK and no API sees.
const without = (keys, type) => (keys ? `Omit<${type}, ${keys.map((k) => `'${k}'`).join(' | ')}>` : type);
const here = new URL('..', import.meta.url).pathname; // beside node_modules, so that the packages are found
const folder = mkdtempSync(join(here, 'types-'));
const entry = join(folder, 'roots.ts');
writeFileSync(entry, roots.map((r, i) => `export type Root${i} = ${without(r.omit, `import('${r.from}').${r.type}`)};`).join('\n'));
const program = ts.createProgram([entry], {
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, strict: true, skipLibCheck: true, noEmit: true, types: [],
});
const wrong = program.getSemanticDiagnostics(program.getSourceFile(entry));
rmSync(folder, { recursive: true });
if (wrong.length > 0) {
  console.error(wrong.map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n')).join('\n'));
  process.exit(1);
}
const checker = program.getTypeChecker();
const is = (type, flags) => (type.flags & flags) !== 0;
const join_ = (path, key) => (path === '' ? key : `${path}.${key}`);

// The words that a discriminating `type` may be; none where it is free or absent.
function names(type) {
  const property = checker.getPropertyOfType(type, 'type');
  if (!property) return [];
  const of = checker.getNonNullableType(checker.getTypeOfSymbol(property));
  const each = of.isUnion() ? of.types : [of];
  return each.every((t) => t.isStringLiteral()) ? each.map((t) => t.value) : [];
}

function* walk(type, path, open) {
  if (is(type, ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive)) return yield path;
  if (is(type, ts.TypeFlags.StringLike)) return yield path;
  if (type.isUnion()) {
    for (const t of type.types) yield* walk(t, path, open);
    return;
  }
  // (string & {}) keeps literals apart for editors, and is any string.
  if (type.isIntersection() && type.types.some((t) => is(t, ts.TypeFlags.String))) return yield path;
  if (!is(type, ts.TypeFlags.Object) && !type.isIntersection()) return;
  if (checker.isArrayType(type) || checker.isTupleType(type)) {
    for (const t of checker.getTypeArguments(type)) yield* walk(t, `${path}[]`, open);
    return;
  }
  if (type.getCallSignatures().length > 0) return; // what an SDK adds to what came
  const name = type.aliasSymbol?.name ?? type.symbol?.name ?? '';
  if (['Date', 'Uint8Array', 'Blob', 'Buffer'].includes(name)) return;
  if (open.includes(type)) return; // content within content: once is enough to know its fields
  const below = [...open, type];
  const types = names(type);
  const places = types.length > 0 ? types.map((t) => `${path}<${t}>`) : [path];
  for (const place of places) {
    for (const p of checker.getPropertiesOfType(type)) {
      if (ts.getCombinedModifierFlags(p.valueDeclaration ?? p.declarations?.[0]) & (ts.ModifierFlags.Private | ts.ModifierFlags.Static)) continue;
      if (p.flags & ts.SymbolFlags.Accessor) continue;
      yield* walk(checker.getTypeOfSymbol(p), join_(place, p.name), below);
    }
    for (const index of checker.getIndexInfosOfType(type)) yield* walk(index.type, join_(place, '{*}'), below);
  }
}

const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)));
for (const [i, root] of roots.entries()) {
  const type = checker.getDeclaredTypeOfSymbol(symbols.find((s) => s.name === `Root${i}`));
  for (const path of new Set(walk(type, root.at ?? '', []))) process.stdout.write(JSON.stringify([i, path]) + '\n');
}

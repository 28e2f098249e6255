// $(NAME) in commands, arguments and environment values. Pure: `$$` is a literal `$`, an unknown name stays as it is.

export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole, kind: string, name: string | undefined) => {
    if (kind === '$') return '$';
    return variables.get(name ?? '') ?? whole;
  });
}

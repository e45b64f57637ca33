"""All SQL of Custos: tables, migrations, one repository per aggregate, the group-committing writer."""
